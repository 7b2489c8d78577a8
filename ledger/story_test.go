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
//	extend warehouses=reno,dover skus=mug services=ground networks=v1
//	at 2026-11-22T10:00:00Z                        the time of the commands that follow
//	stock reno/mug=10… [safety=2]
//	adjust reno/mug=-3…
//	receive reno/mug=5… from=2026-11-22T12:00:00Z
//	capacity reno[/ground]=3 [date=2026-11-23]
//	allocate [request=r1 body=1] [order=A] ttl=60 reno/mug=2… [ship=reno/ground/2026-11-22=1…]
//	decline [request=r1 body=1] [order=A]
//	confirm 1 [request=r2]
//	release|cancel|ship|short 1 [request=r2] [reno/mug=2…]
//	wait
//	get 1                                           a hold and what became of its claims
//	show                                            every counter, and what the limited days have left
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
	st.s = NewState(Config{Retention: 86_400, RefusalRetention: 600, Sink: st.event})
	var out strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		commands, _, _ := strings.Cut(block+"\n", "----\n")
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
		fmt.Fprint(&st.events, " ", e.Warehouses, " ", e.SKUs, " ", e.Services, " ", e.Networks)
	case StockSet:
		for _, l := range e.Levels {
			fmt.Fprintf(&st.events, " %s=%d safety=%d", st.cell(l.Warehouse, l.SKU), l.OnHand, l.Safety)
		}
	case Planned, Arrived:
		for _, r := range e.Receipts {
			fmt.Fprintf(&st.events, " %s=%d", st.cell(r.Warehouse, r.SKU), r.Quantity)
		}
	case LimitSet:
		for _, l := range e.Limits {
			fmt.Fprintf(&st.events, " %s=%d", st.s.warehouses.list[l.Warehouse], l.Shipments)
		}
	case Held:
		fmt.Fprintf(&st.events, " hold %d until %v", e.HoldID, e.Hold.Expires)
		for _, c := range e.Hold.Stock {
			fmt.Fprintf(&st.events, " %s=%d", st.cell(c.Warehouse, c.SKU), c.Quantity)
		}
	case Declined:
		fmt.Fprintf(&st.events, " %s", e.Hold.Order)
	default:
		fmt.Fprintf(&st.events, " hold %d, now %v", e.HoldID, e.Status)
		for _, c := range e.Items {
			fmt.Fprintf(&st.events, " %s=%d", st.cell(c.Warehouse, c.SKU), c.Quantity)
		}
	}
	st.events.WriteString("\n")
}

func (st *story) cell(w Warehouse, sku SKU) string {
	return st.s.warehouses.list[w] + "/" + st.s.skus.list[sku]
}

func (st *story) site(w Warehouse, service Service) string {
	if service < 0 {
		return st.s.warehouses.list[w]
	}
	return st.s.warehouses.list[w] + "/" + st.s.services.list[service]
}

// hold tells of a hold, and of its claims where anything happened to them.
func (st *story) hold(h *Hold) string {
	var b strings.Builder
	fmt.Fprintf(&b, "hold %d is %v", h.ID, h.Status)
	for i := range h.Stock {
		c := &h.Stock[i]
		fmt.Fprintf(&b, "; %s: %d left of %d", st.cell(c.Warehouse, c.SKU), c.Left(), c.Quantity)
		for _, part := range []struct {
			n    int32
			what string
		}{{c.Shipped, "shipped"}, {c.Short, "short"}, {c.Returned, "returned"}} {
			if part.n > 0 {
				fmt.Fprintf(&b, ", %d %s", part.n, part.what)
			}
		}
	}
	return b.String()
}

// items reads the arguments that are quantities of cells.
func (st *story) items(args []string) []StockClaim {
	var items []StockClaim
	for _, a := range args {
		cell, n, _ := strings.Cut(a, "=")
		if strings.Contains(cell, "/") {
			w, sku := st.rows(cell)
			items = append(items, StockClaim{w, sku, st.number(n)})
		}
	}
	return items
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
		err = st.s.Extend(st.at, lists["warehouses"], lists["skus"], lists["services"], lists["networks"])
	case "at":
		st.at = st.instant(args[0])
	case "stock", "adjust":
		var res StockResult
		if words[0] == "adjust" {
			var changes []StockChange
			for _, c := range st.items(args) {
				changes = append(changes, StockChange{c.Warehouse, c.SKU, c.Quantity})
			}
			res, err = st.s.AdjustStock(st.at, req, changes)
		} else {
			var levels []StockLevel
			for _, c := range st.items(args) {
				levels = append(levels, StockLevel{c.Warehouse, c.SKU, c.Quantity, 0})
			}
			for _, a := range args {
				if v, ok := strings.CutPrefix(a, "safety="); ok {
					levels[0].Safety = st.number(v)
				}
			}
			res, err = st.s.SetStock(st.at, req, levels)
		}
		var short []string
		for _, sh := range res.Shortfalls {
			short = append(short, fmt.Sprintf("short of %d %s: holds %v", sh.Missing, st.cell(sh.Warehouse, sh.SKU), sh.Holds))
		}
		if short != nil {
			return strings.Join(short, "\n")
		}
	case "receive":
		var receipts []Receipt
		from := st.instant(strings.TrimPrefix(args[len(args)-1], "from="))
		for _, c := range st.items(args) {
			receipts = append(receipts, Receipt{c.Warehouse, c.SKU, c.Quantity, from})
		}
		err = st.s.AddReceipts(st.at, req, receipts)
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
	case "decline":
		a := Allocation{Request: req, At: st.at}
		for _, arg := range args {
			if v, ok := strings.CutPrefix(arg, "order="); ok {
				a.Order = v
			}
		}
		a.Answer = []byte("no to " + a.Order)
		h, err := st.s.Decline(&a)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("hold %d is %v: %s", h.ID, h.Status, h.Answer)
	case "confirm", "release", "cancel", "ship", "short":
		id := HoldID(st.number(args[0]))
		var h Hold
		if words[0] == "confirm" {
			h, err = st.s.Confirm(st.at, id, req)
		} else {
			h, err = map[string]func(units.Instant, HoldID, Request, []StockClaim) (Hold, error){
				"release": st.s.Release, "cancel": st.s.Cancel, "ship": st.s.Ship, "short": st.s.ShortPick,
			}[words[0]](st.at, id, req, st.items(args[1:]))
		}
		if err != nil {
			return err.Error()
		}
		return st.hold(&h)
	case "get":
		h, err := st.s.Get(HoldID(st.number(args[0])))
		if err != nil {
			return err.Error()
		}
		return st.hold(&h)
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
		for i := range st.s.limits {
			l, v := &st.s.limits[i], st.s.View()
			for d := units.Date(st.s.now / 86_400); d <= units.Date(st.s.now/86_400)+1; d++ {
				if left := v.CapacityLeft(l.warehouse, l.service, d); left != Unlimited {
					fmt.Fprintf(&b, "%s on %v: %d left\n", st.site(l.warehouse, l.service), d, left)
				}
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
	a.Answer = []byte("answer for " + a.Order)
	h, err := st.s.Allocate(&a)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("hold %d is %v: %s", h.ID, h.Status, h.Answer)
}
