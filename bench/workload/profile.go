package workload

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/strictyaml"
	"github.com/allot-engine/allot/units"
)

// MaxSteps bounds the steps of a Profile.
const MaxSteps = 10_000

// A Profile is a course of rates: steps one after the other.
//
//	name: burst             # default the name of the file
//	kind: poisson           # or constant: evenly spaced. Default poisson
//	base: 1000/s            # what percentages are of; may be given to the command instead
//	steps:
//	  - {for: 10s, rate: 500/s}
//	  - {for: 5s, from: 500/s, rate: 150%}   # rises evenly
//	  - {for: 30s, rate: 150%}
//	  - {rate: 50%}                          # the last may be without end
type Profile struct {
	Name  string `yaml:"name"`
	Kind  string `yaml:"kind"` // KindPoisson or KindConstant
	Base  Rate   `yaml:"base"` // 0: none
	Steps []Step `yaml:"steps"`
}

// A Step is one stretch of a profile.
type Step struct {
	For  Duration `yaml:"for"`  // 0, for the last one: without end
	From *Level   `yaml:"from"` // the rate in the beginning; default Rate
	Rate *Level   `yaml:"rate"` // the rate at the end; required
}

// A Level is a rate, or a percentage of a profile's base.
type Level struct {
	Rate    Rate
	Percent units.Percent
	OfBase  bool // Percent counts
}

// String prints it as UnmarshalText reads it.
func (l Level) String() string {
	if l.OfBase {
		return l.Percent.String()
	}
	return l.Rate.String()
}

// UnmarshalText reads "5000/s" or "150%".
func (l *Level) UnmarshalText(b []byte) error {
	*l = Level{OfBase: strings.HasSuffix(string(b), "%")}
	if l.OfBase {
		return l.Percent.UnmarshalText(b)
	}
	return l.Rate.UnmarshalText(b)
}

func (l *Level) of(base float64) float64 {
	if l.OfBase {
		return base * float64(l.Percent) / float64(units.WholePercent)
	}
	return l.Rate.PerSecond()
}

// ReadProfile reads a profile. The error is a *faults.Error with everything that is wrong, each with line and column.
func ReadProfile(file string, data []byte) (*Profile, error) {
	var fl faults.List
	p := &Profile{Kind: KindPoisson}
	doc := strictyaml.Decode(file, data, p, &fl)
	if doc.Has("") {
		r := &reader{fl: &fl, doc: doc, file: file}
		if p.Name == "" {
			p.Name = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		}
		r.oneOf("kind", p.Kind, KindPoisson, KindConstant)
		if doc.Has("base") && p.Base == 0 {
			r.fault("base", "write a rate, as 1000/s, or leave it out", "the base is nothing")
		}
		switch n := len(p.Steps); {
		case n == 0:
			r.fault("steps", "add one, as {for: 30s, rate: 1000/s}", "there are no steps")
		case n > MaxSteps:
			r.fault("steps", "leave some out", "there are %d steps, more than %d", n, MaxSteps)
		}
		some := len(p.Steps) == 0
		for i := range p.Steps {
			some = r.step(&p.Steps[i], "steps["+strconv.Itoa(i)+"]", i == len(p.Steps)-1) || some
		}
		if !some && fl.Len() == 0 {
			r.fault("steps", "give one a rate over 0", "nothing ever comes")
		}
	}
	if err := fl.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// step checks a step and tells whether anything comes in it.
func (r *reader) step(s *Step, path string, last bool) bool {
	switch {
	case s.For <= 0 && (!last || r.has(path+".for")):
		r.fault(path+".for", "write how long it lasts, as 30s", "the step has no length")
	case s.For <= 0 && s.From != nil:
		r.fault(path+".from", "leave it out, or say how long the step lasts", "a step without end does not rise or fall")
	}
	if s.Rate == nil {
		r.fault(path+".rate", "write a rate, as 1000/s, or a percentage of the base", "the step has no rate")
		return false
	}
	comes := s.From != nil && (s.From.Rate > 0 || s.From.Percent > 0)
	for _, l := range []*Level{s.From, s.Rate} {
		if l != nil && l.Percent < 0 {
			r.fault(path+".rate", "write 0% or more", "%s is no share", l.Percent)
		}
	}
	return comes || s.Rate.Rate > 0 || s.Rate.Percent > 0
}

// Relative tells that some step is a percentage of a base that the profile does not give.
func (p *Profile) Relative() bool {
	for i := range p.Steps {
		if s := &p.Steps[i]; p.Base == 0 && (s.Rate.OfBase || s.From != nil && s.From.OfBase) {
			return true
		}
	}
	return false
}

// Arrivals returns the arrivals of the profile. base is orders a second, what percentages are of, and counts before the profile's
// own where it is over 0; seed is for kind poisson. It fails where the profile is Relative and there is no base, and where a rate
// is higher than MaxRate.
func (p *Profile) Arrivals(base float64, seed uint64) (Arrivals, error) {
	if base <= 0 && p.Relative() {
		return nil, fmt.Errorf("workload: the rates of profile %q are percentages, and it has no base", p.Name)
	}
	if base <= 0 {
		base = p.Base.PerSecond()
	}
	out := paced{name: "profile " + p.Name, random: p.Kind == KindPoisson, seed: seed}
	for i := range p.Steps {
		s := &p.Steps[i]
		to := s.Rate.of(base)
		from := to
		if s.From != nil {
			from = s.From.of(base)
		}
		if top := max(from, to); top > MaxRate.PerSecond() {
			return nil, fmt.Errorf("workload: step %d of profile %q has %s, more than %s", i+1, p.Name, rateText(top), MaxRate)
		}
		if s.For == 0 {
			out.steady = to
			break
		}
		out.ramps = append(out.ramps, ramp{time.Duration(s.For).Seconds(), from, to})
	}
	return newPaced(out), nil
}
