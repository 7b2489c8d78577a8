package scenario

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/strictyaml"
	"github.com/allot-engine/allot/units"
)

// A Change is one entry of a scenario's changes: exactly one of the operations, with the time for which it holds beside it or,
// where the operation has keys of its own, among them.
type Change struct {
	Close   *closing   `yaml:"close"`
	Reopen  *reopening `yaml:"reopen"`
	Open    *opening   `yaml:"open"`
	Copy    *copying   `yaml:"copy"`
	Cutoff  *cutoff    `yaml:"cutoff"`
	Process *process   `yaml:"processing"`
	Cap     *capacity  `yaml:"capacity"`
	Week    *workdays  `yaml:"workdays"`
	Rest    *holidays  `yaml:"holidays"`
	Hand    *handover  `yaml:"carriers"`
	Costs   *costs     `yaml:"costs"`

	Rates       *rates       `yaml:"rates"`
	Fuel        *fuel        `yaml:"fuel"`
	Peak        *peak        `yaml:"peak"`
	DropService *dropService `yaml:"drop_service"`
	DropCarrier *dropCarrier `yaml:"drop_carrier"`
	AddService  *addService  `yaml:"add_service"`
	Delay       *delay       `yaml:"delay"`
	Lose        *lose        `yaml:"lose"`

	Demand    *demand    `yaml:"demand"`
	FlashSale *flashSale `yaml:"flash_sale"`
	MoveStock *moveStock `yaml:"move_stock"`
	Rebalance *rebalance `yaml:"rebalance"`

	Policy *policy `yaml:"policy"`

	Span `yaml:",inline"`
}

// A Span is the time for which a change holds.
type Span struct {
	From  Moment `yaml:"from" json:"-"`  // default always
	Until Moment `yaml:"until" json:"-"` // default for good
}

func (s *Span) span() *Span { return s }

// An operation is what a change does.
type operation interface {
	span() *Span                // where its own keys say when; nil where it has none
	check(w *world, c *change)  // what can be told without the others
	phase() phase               // when it is applied
	always() bool               // it holds throughout the run, and what it changes knows dates itself
	apply(e *editor, c *change) // changes the network; nothing where it is no change of the network
}

// idle tells that a change changes nothing, so that it shares what it does not change.
func idle(c *change) bool {
	o, ok := c.op.(interface{ idle() bool })
	return ok && o.idle()
}

// A phase orders operations: those of one phase do not see each other.
type phase uint8

const (
	phaseOpen    phase = iota // warehouses and services come into being
	phaseCopy                 // of warehouses as the network has them
	phaseSet                  // values are set
	phaseScale                // and scaled
	phaseTransit              // transit is delayed
	phaseClose                // warehouses close, services go
	phaseOutside              // no change of the network
)

// A change is an operation with its place and time.
type change struct {
	kind  string // its key
	op    operation
	path  string // of the operation, as "changes[2].cutoff"
	doc   *strictyaml.Document
	from  Moment
	until Moment
	text  string // the same for changes that do the same at the same time
	deed  string // text without the time
}

// begin returns the first instant of a change; the least there is where none is given.
func (c *change) begin() units.Instant {
	if !c.from.Given {
		return math.MinInt64
	}
	return c.from.At
}

// end returns the instant at which a change no longer holds.
func (c *change) end() units.Instant {
	switch {
	case !c.until.Given:
		return math.MaxInt64
	case c.until.Day:
		return c.until.At + daySeconds
	}
	return c.until.At
}

// fromDay and untilDay are the first and the last ship date of a change; 0 where none is given.
func (c *change) fromDay() units.Date {
	if !c.from.Given {
		return 0
	}
	return c.from.date()
}

func (c *change) untilDay() units.Date {
	if !c.until.Given {
		return 0
	}
	return c.until.date()
}

// at returns a path within the operation.
func (c *change) at(field string) string {
	if field == "" {
		return c.path
	}
	return c.path + "." + field
}

// title names the change in a fault of another.
func (c *change) title() string {
	line, _ := c.doc.Place(c.path)
	return fmt.Sprintf("%s in line %d", c.kind, line)
}

// operations returns the operations that a Change names, by their keys.
func (ch *Change) operations() (kinds []string, ops []operation) {
	v := reflect.ValueOf(ch).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() != reflect.Pointer || f.IsNil() {
			continue
		}
		op, ok := reflect.TypeAssert[operation](f)
		if !ok {
			panic("scenario: " + v.Type().Field(i).Name + " is no operation")
		}
		kinds = append(kinds, strings.Split(v.Type().Field(i).Tag.Get("yaml"), ",")[0])
		ops = append(ops, op)
	}
	return kinds, ops
}

// Kinds returns the names of all operations, in the order of the reference.
func Kinds() []string {
	t := reflect.TypeFor[Change]()
	var kinds []string
	for f := range t.Fields() {
		if f.Type.Kind() == reflect.Pointer {
			kinds = append(kinds, f.Tag.Get("yaml"))
		}
	}
	return kinds
}

// toChange returns the one change that ch says, nil where it has a fault.
func toChange(file, path string, ch *Change, doc *strictyaml.Document, fl *faults.List) *change {
	kinds, ops := ch.operations()
	fault := func(path, mend, format string, args ...any) {
		line, column := doc.Place(path)
		fl.Addf(file, line, column, path, mend, format, args...)
	}
	switch len(kinds) {
	case 0:
		for _, kind := range Kinds() {
			if doc.Has(path + "." + kind) {
				fault(path+"."+kind, "", "nothing stands there; write what it is to change")
				return nil
			}
		}
		fault(path, "write one of "+strings.Join(Kinds(), ", "), "the change says nothing")
		return nil
	case 1:
	default:
		fault(path+"."+kinds[1], "write each as a change of its own", "one change both %s and %s", kinds[0], kinds[1])
		return nil
	}
	c := &change{kind: kinds[0], op: ops[0], path: path + "." + kinds[0], doc: doc, from: ch.From, until: ch.Until}
	for _, t := range []struct {
		key   string
		into  *Moment
		given func(*Span) Moment
	}{
		{"from", &c.from, func(s *Span) Moment { return s.From }},
		{"until", &c.until, func(s *Span) Moment { return s.Until }},
	} {
		s := c.op.span()
		if s == nil {
			continue
		}
		own := t.given(s)
		switch {
		case own.Given && t.into.Given:
			fault(path+"."+t.key, "leave one of the two out", "%s stands twice in one change", t.key)
		case own.Given:
			*t.into = own
		}
	}
	if c.from.Given && c.until.Given && c.end() <= c.begin() {
		fault(c.place("until"), "put the earlier one first", "it ends before it begins")
	}
	if p, ok := c.op.(*policy); ok {
		p.note(c)
	}
	text, err := json.Marshal(c.op)
	if err != nil {
		panic(fmt.Sprintf("scenario: %s cannot be written: %v", c.kind, err)) // they hold nothing that cannot
	}
	from, _ := c.from.MarshalText() // they have no errors
	until, _ := c.until.MarshalText()
	c.deed = fmt.Sprintf("%d %s %s", c.op.phase(), c.kind, text)
	c.text = fmt.Sprintf("%s %s %s", c.deed, from, until)
	return c
}

// place returns the path at which from or until stand.
func (c *change) place(key string) string {
	if own := c.at(key); c.doc.Has(own) {
		return own
	}
	return strings.TrimSuffix(c.path, "."+c.kind) + "." + key
}
