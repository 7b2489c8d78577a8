package scenario

import (
	"reflect"
	"slices"
	"strings"

	"github.com/allot-engine/allot/engine/network"
)

// A policy sets values of the network's policy.
type policy struct {
	network.PolicySource `yaml:",inline"`
	Span                 `yaml:",inline"`
	ofEpoch
	Keys []string `yaml:"-"` // those that are set
}

// never0 are the keys whose default is not 0, which a 0 would stand for.
var never0 = []string{"max_shipments", "on_time", "hold_minutes", "max_lines", "max_units", "promise_horizon_days", "packing_fill"}

// note remembers which keys are set: a 0 may be.
func (o *policy) note(c *change) {
	t := reflect.TypeFor[network.PolicySource]()
	for f := range t.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if c.doc.Has(c.at(key)) {
			o.Keys = append(o.Keys, key)
		}
	}
	slices.Sort(o.Keys)
}

func (o *policy) phase() phase { return phaseSet }

func (o *policy) check(w *world, c *change) {
	if len(o.Keys) == 0 {
		w.fault(c, c.path, "write policy values as network.yaml has them", "it changes nothing")
	}
	for _, key := range o.Keys {
		if slices.Contains(never0, key) && o.field(&o.PolicySource, key).IsZero() {
			w.fault(c, c.at(key), "write a number from 1", "0 is out of range")
		}
		w.claim(c, c.at(key), "policy "+key, "%s is set", key)
	}
}

// field returns a field of a policy by its key.
func (o *policy) field(p *network.PolicySource, key string) reflect.Value {
	v := reflect.ValueOf(p).Elem()
	for i := range v.NumField() {
		if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ","); name == key {
			return v.Field(i)
		}
	}
	panic("scenario: no policy key " + key)
}

func (o *policy) apply(e *editor, _ *change) {
	p := &e.src.Settings.Policy
	for _, key := range o.Keys {
		o.field(p, key).Set(o.field(&o.PolicySource, key))
	}
	e.policy(o.Keys)
}
