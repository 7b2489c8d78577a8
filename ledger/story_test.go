package ledger

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/allot-engine/allot/units"
)

var rewrite = flag.Bool("rewrite", false, "write what the stories in testdata do into their files")

// TestStories runs the scripts in testdata. A script is blocks of a command and, after ----, what came out: events,
// then the answer or the refusal. Run with -rewrite to record it anew, and read the difference.
//
//	extend warehouses=reno,dover skus=mug services=ground
//	at 2026-11-22T10:00:00Z                        the time of the commands that follow
//	stock reno/mug=10 safety=2
//	adjust reno/mug=-3
//	receive reno/mug=5 from=2026-11-22T12:00:00Z
//	capacity reno[/ground]=3 [date=2026-11-23]
//	allocate [request=r1 body=1] [order=A] ttl=60 reno/mug=2… [ship=reno/ground/2026-11-22=1…]
//	confirm|release|cancel 1 [request=r2]
//	wait
//	show                                            every counter
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories in testdata", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runStory(t, string(text))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(text) {
				t.Errorf("%s tells another story now; run with -rewrite and read the difference:\n%s", file, got)
			}
		})
	}
}

type story struct {
	t      *testing.T
	s      *State
	at     units.Instant
	events strings.Builder
}

func runStory(t *testing.T, text string) string {
	t.Helper()
	st := &story{t: t}
	st.s = NewState(Config{Retention: 86_400, Sink: st.event})
	var out strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		commands, _, _ := strings.Cut(block, "----\n")
		commands = strings.TrimRight(commands, "\n")
		out.WriteString(commands)
		out.WriteString("\n----\n")
		for line := range strings.SplitSeq(commands, "\n") {
			if strings.HasPrefix(line, "#") {
				continue
			}
			st.events.Reset()
			answer := st.command(strings.Fields(line))
			out.WriteString(st.events.String())
			if answer != "" {
				out.WriteString(answer + "\n")
			}
		}
		out.WriteString("\n")
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func (st *story) event(e *Event) {
	fmt.Fprintf(&st.events, "%d %v %v", e.Sequence, e.At, e.Kind)
	switch e.Kind {
	case Extended:
		fmt.Fprint(&st.events, " ", e.Warehouses, " ", e.SKUs, " ", e.Services)
	case StockSet:
		for _, l := range e.Levels {
			fmt.Fprintf(&st.events, " %s=%d safety=%d", st.cell(l.Warehouse, l.SKU), l.OnHand, l.Safety)
		}
	case Planned, Arrived:
		fmt.Fprintf(&st.events, " %s=%d", st.cell(e.Receipt.Warehouse, e.Receipt.SKU), e.Receipt.Quantity)
	case LimitSet:
		fmt.Fprintf(&st.events, " %s=%d", st.s.warehouses.list[e.Limit.Warehouse], e.Limit.Shipments)
	case Held:
		fmt.Fprintf(&st.events, " hold %d until %v", e.HoldID, e.Hold.Expires)
		for _, c := range e.Hold.Stock {
			fmt.Fprintf(&st.events, " %s=%d", st.cell(c.Warehouse, c.SKU), c.Quantity)
		}
	case HoldMoved:
		fmt.Fprintf(&st.events, " hold %d %v", e.HoldID, e.Status)
	}
	st.events.WriteString("\n")
}

func (st *story) cell(w Warehouse, sku SKU) string {
	return st.s.warehouses.list[w] + "/" + st.s.skus.list[sku]
}

func (st *story) rows(cell string) (Warehouse, SKU) {
	w, sku, _ := strings.Cut(cell, "/")
	return st.warehouse(w), st.sku(sku)
}

func (st *story) warehouse(id string) Warehouse {
	if w, ok := st.s.Warehouse(id); ok {
		return w
	}
	return 99
}

func (st *story) sku(id string) SKU {
	if s, ok := st.s.SKU(id); ok {
		return s
	}
	return 99
}

func (st *story) service(id string) Service {
	if s, ok := st.s.Service(id); ok {
		return s
	}
	return 99
}

func (st *story) number(text string) int32 {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		st.t.Fatal(err)
	}
	return int32(n)
}

func (st *story) instant(text string) units.Instant {
	at, err := units.ParseInstant(text)
	if err != nil {
		st.t.Fatal(err)
	}
	return at
}

func (st *story) date(text string) units.Date {
	d, err := units.ParseDate(text)
	if err != nil {
		st.t.Fatal(err)
	}
	return d
}

func (st *story) command(words []string) string {
	var req Request
	var err error
	args := words[1:]
	for _, a := range args {
		if v, ok := strings.CutPrefix(a, "request="); ok {
			req.ID = v
		}
		if v, ok := strings.CutPrefix(a, "body="); ok {
			req.Body[0] = byte(st.number(v))
		}
	}
	switch words[0] {
	case "extend":
		lists := make(map[string][]string)
		for _, a := range args {
			k, v, _ := strings.Cut(a, "=")
			lists[k] = strings.Split(v, ",")
		}
		err = st.s.Extend(st.at, lists["warehouses"], lists["skus"], lists["services"])
	case "at":
		st.at = st.instant(args[0])
	case "stock", "adjust":
		var res StockResult
		cell, n, _ := strings.Cut(args[0], "=")
		w, sku := st.rows(cell)
		if words[0] == "adjust" {
			res, err = st.s.AdjustStock(st.at, req, []StockChange{{w, sku, st.number(n)}})
		} else {
			l := StockLevel{w, sku, st.number(n), 0}
			for _, a := range args[1:] {
				if v, ok := strings.CutPrefix(a, "safety="); ok {
					l.Safety = st.number(v)
				}
			}
			res, err = st.s.SetStock(st.at, req, []StockLevel{l})
		}
		for _, sh := range res.Shortfalls {
			return fmt.Sprintf("short of %d %s: holds %v", sh.Missing, st.cell(sh.Warehouse, sh.SKU), sh.Holds)
		}
	case "receive":
		cell, n, _ := strings.Cut(args[0], "=")
		w, sku := st.rows(cell)
		err = st.s.AddReceipt(st.at, Receipt{w, sku, st.number(n), st.instant(strings.TrimPrefix(args[1], "from="))})
	case "capacity":
		site, n, _ := strings.Cut(args[0], "=")
		w, service, found := strings.Cut(site, "/")
		c := CapacityLimit{st.warehouse(w), AnyService, EveryDay, st.number(n)}
		if found {
			c.Service = st.service(service)
		}
		if len(args) > 1 {
			c.Date = st.date(strings.TrimPrefix(args[1], "date="))
		}
		err = st.s.SetCapacity(st.at, []CapacityLimit{c})
	case "allocate":
		return st.allocate(args, req)
	case "confirm", "release", "cancel":
		move := map[string]func(units.Instant, HoldID, Request) (Hold, error){
			"confirm": st.s.Confirm, "release": st.s.Release, "cancel": st.s.Cancel,
		}[words[0]]
		h, err := move(st.at, HoldID(st.number(args[0])), req)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("hold %d is %v", h.ID, h.Status)
	case "wait":
		err = st.s.Advance(st.at)
	case "show":
		var b strings.Builder
		for sku := range SKU(st.s.skus.len()) {
			for w := range Warehouse(st.s.warehouses.len()) {
				n := st.s.Stock(w, sku)
				fmt.Fprintf(&b, "%s: on hand %d, held %d, safety %d, available %d, inbound %d\n",
					st.cell(w, sku), n.OnHand, n.Held, n.Safety, n.Available, n.Inbound)
			}
		}
		fmt.Fprintf(&b, "open holds: %d", st.s.Open())
		return b.String()
	default:
		st.t.Fatalf("no command %q", words[0])
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func (st *story) allocate(args []string, req Request) string {
	a := Allocation{Request: req, At: st.at}
	for _, arg := range args {
		k, v, _ := strings.Cut(arg, "=")
		switch k {
		case "request", "body":
		case "order":
			a.Order = v
		case "ttl":
			a.TTL = int64(st.number(v))
		case "ship":
			what, n, _ := strings.Cut(v, "=")
			parts := strings.Split(what, "/")
			a.Shipments = append(a.Shipments, ShipmentClaim{st.warehouse(parts[0]), st.service(parts[1]), st.date(parts[2]), st.number(n)})
		default:
			w, sku := st.rows(k)
			a.Stock = append(a.Stock, StockClaim{w, sku, st.number(v)})
		}
	}
	a.Answer = "answer for " + a.Order
	h, err := st.s.Allocate(&a)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("hold %d is %v: %v", h.ID, h.Status, h.Answer)
}
