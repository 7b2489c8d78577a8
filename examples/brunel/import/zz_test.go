package main
import ("testing";"time";"github.com/allot-engine/allot/engine";"github.com/allot-engine/allot/units")
func TestZZ(t *testing.T){
 for _,args := range [][]string{nil,{"-wait","25"}} {
 dir := importFrom(t,"/work/shared/data/brunel",args...)
 snap,stock := load(t,dir); e := newEngine(t,snap); view := stockOf(snap,stock)
 var orders []engine.Order; for _,o := range ordersOf(t,dir){orders=append(orders,*o)}
 start := time.Now()
 w,err := e.DecideWave(view,orders,noon,engine.WaveOptions{Unfilled: 1_000_000*units.Currency})
 if err != nil {t.Fatal(err)}
 t.Log(args,time.Since(start),"cost",w.Cost,"unf",w.Unfilled,w.UnfilledCost,"placed cost",w.Cost-w.UnfilledCost,"bound",w.Bound,"gap",w.Gap,w.Status,w.Iterations,w.Offers,w.Groups)
 }
}
