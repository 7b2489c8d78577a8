package main

import (
	"fmt"
	"time"
)

// A progress tells on a terminal how far a long job is. Short jobs, and those that nobody watches, say nothing.
type progress struct {
	t     *terminal
	thing string // what is counted, as "order"
	mute  bool
	began time.Time
	last  time.Time
	shown bool
}

// quietFor is how long a job may take before it says how far it is, and showEvery how often it says so from then on.
const (
	quietFor  = 2 * time.Second
	showEvery = 200 * time.Millisecond
)

func newProgress(t *terminal, mute bool, thing string) *progress {
	return &progress{t: t, thing: thing, mute: mute || !t.errIsTerminal, began: time.Now()}
}

// step tells how many things are done.
func (p *progress) step(done int) { p.of(done, 0) }

// of tells how many things are done of how many, if that is not 0.
func (p *progress) of(done, total int) {
	if p.mute {
		return
	}
	now := time.Now()
	if now.Sub(p.began) < quietFor || now.Sub(p.last) < showEvery {
		return
	}
	p.last, p.shown = now, true
	whole := ""
	if total > 0 {
		whole = " of " + thousands(total)
	}
	fmt.Fprintf(p.t.err, "\r%s%s, %s a second ", count(done, p.thing), whole, thousands(int(float64(done)/now.Sub(p.began).Seconds())))
}

// clear takes the line away.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprintf(p.t.err, "\r%60s\r", "")
		p.shown = false
	}
}
