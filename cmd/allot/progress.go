package main

import (
	"fmt"
	"time"
)

// A progress tells on a terminal how far a long job is. Short jobs, and those that nobody watches, say nothing.
type progress struct {
	t     *terminal
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

func newProgress(t *terminal, mute bool) *progress {
	return &progress{t: t, mute: mute || !t.errIsTerminal, began: time.Now()}
}

// step tells how many things are done.
func (p *progress) step(done int) {
	if p.mute {
		return
	}
	now := time.Now()
	if now.Sub(p.began) < quietFor || now.Sub(p.last) < showEvery {
		return
	}
	p.last, p.shown = now, true
	fmt.Fprintf(p.t.err, "\r%s, %s a second ", count(done, "order"), thousands(int(float64(done)/now.Sub(p.began).Seconds())))
}

// clear takes the line away.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprintf(p.t.err, "\r%60s\r", "")
		p.shown = false
	}
}
