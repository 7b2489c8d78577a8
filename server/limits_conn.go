package server

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// doors bounds the connections of both ports, and what they may do that costs the server and brings nobody an answer: to open and reset
// calls in a hurry (CVE-2023-44487), to ping, to change settings. Neither grpc-go nor net/http counts any of it, so the doors look at
// the heads of the frames that come in, 9 bytes each, which costs nanoseconds; the rest they skip.
type doors struct {
	limiter    *limiter
	cfg        *Config
	abusive    atomic.Int64
	unaccepted atomic.Int64
	resets     atomic.Int64

	mu       sync.Mutex
	open     int
	of       map[netip.Addr]int       // open connections by address
	expelled map[netip.Addr]time.Time // until when addresses are not let in
}

// maxExpelled bounds the addresses that are remembered.
const maxExpelled = 4096

func newDoors(l *limiter, cfg *Config) *doors {
	return &doors{limiter: l, cfg: cfg, of: map[netip.Addr]int{}, expelled: map[netip.Addr]time.Time{}}
}

func (d *doors) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open
}

// in tells whether a connection may come in from an address, and counts it if so.
func (d *doors) in(from netip.Addr, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if until, out := d.expelled[from]; out {
		if now.Before(until) {
			return false
		}
		delete(d.expelled, from)
	}
	if d.open >= d.cfg.MaxConnections || d.of[from] >= d.cfg.MaxConnectionsPerAddress {
		return false
	}
	d.open++
	d.of[from]++
	return true
}

func (d *doors) out(from netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	if d.of[from]--; d.of[from] == 0 {
		delete(d.of, from)
	}
}

// expel keeps an address out for a time.
func (d *doors) expel(from netip.Addr, now time.Time) {
	d.abusive.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.expelled) >= maxExpelled {
		for a, until := range d.expelled {
			if !now.Before(until) || len(d.expelled) >= maxExpelled {
				delete(d.expelled, a)
			}
		}
	}
	d.expelled[from] = now.Add(d.cfg.ExpelFor)
}

// A door is a listener whose connections are bounded.
type door struct {
	net.Listener
	doors *doors
	write time.Duration // for a write to be taken by the caller's side; 0 is somebody else's to bound
}

// guarded returns a listener that bounds its connections. The first port has no bound of its own for writes.
func (d *doors) guarded(l net.Listener, write time.Duration) net.Listener { return &door{l, d, write} }

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := addressOf(c.RemoteAddr())
		if !d.doors.in(from, time.Now()) {
			d.doors.unaccepted.Add(1)
			_ = c.Close() // it was never used
			continue
		}
		return d.doors.admitted(c, from, d.write), nil
	}
}

// addressOf returns the address of the other side without its port, or the zero address.
func addressOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		out, _ := netip.AddrFromSlice(t.IP)
		return out.Unmap()
	}
	return netip.Addr{}
}

func (d *doors) admitted(c net.Conn, from netip.Addr, write time.Duration) *doorConn {
	l := d.limiter
	l.mu.Lock()
	of := l.o.client(from.String())
	of.held++
	l.mu.Unlock()
	out := &doorConn{Conn: c, doors: d, addr: &clientAddr{c.RemoteAddr(), of}, from: from, write: write}
	out.frames.resets = bucket{most: float64(d.cfg.MaxResets) * resetBurst, rate: float64(d.cfg.MaxResets)}
	out.frames.controls = bucket{most: controlBurst, rate: controlRate}
	out.frames.resets.left, out.frames.controls.left = out.frames.resets.most, out.frames.controls.most
	return out
}

// What a connection may send of each kind.
const (
	resetBurst   = 4    // seconds of resets at once: when a stalled server comes back, all calls of a connection may end so
	controlBurst = 1000 // pings, settings and priorities at once
	controlRate  = 200  // and a second
	controlPer   = 2    // and for each frame of a call: grpc-go measures the line by a ping after each answer
)

// A clientAddr is the address of a connection that knows whose it is; calls find it as their peer.
type clientAddr struct {
	net.Addr
	client *client
}

// A doorConn is a connection that came in by a door.
type doorConn struct {
	net.Conn
	doors  *doors
	addr   *clientAddr
	from   netip.Addr
	write  time.Duration
	closed sync.Once

	frames frames // of the one goroutine that reads

	writing  sync.Mutex
	deadline time.Time // that was set for writes
}

// RemoteAddr implements net.Conn.
func (c *doorConn) RemoteAddr() net.Addr { return c.addr }

// errAbuse ends a connection that sent too many resets or control frames.
var errAbuse = errors.New("server: too many resets, pings or settings on one connection")

// Read implements net.Conn.
func (c *doorConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.frames.see(p[:n]) {
		return n, err
	}
	resets, now := c.frames.reset, time.Now()
	if !c.frames.settle(now) {
		c.doors.expel(c.from, now)
		_ = c.Close() // what is still to be written nobody deserves
		return 0, errAbuse
	}
	c.doors.resets.Add(int64(resets))
	return n, err
}

// Write implements net.Conn. Whoever does not take what it asked for within the time loses its connection.
func (c *doorConn) Write(p []byte) (int, error) {
	if c.write > 0 {
		c.writing.Lock()
		if now := time.Now(); c.deadline.Sub(now) < c.write-time.Second { // not before each of thousands of writes
			c.deadline = now.Add(c.write)
			if err := c.SetWriteDeadline(c.deadline); err != nil {
				c.writing.Unlock()
				return 0, err
			}
		}
		c.writing.Unlock()
	}
	return c.Conn.Write(p)
}

// Close implements net.Conn.
func (c *doorConn) Close() error {
	c.closed.Do(func() {
		c.doors.out(c.from)
		l := c.doors.limiter
		l.mu.Lock()
		c.addr.client.held--
		l.mu.Unlock()
	})
	return c.Conn.Close()
}

// A bucket fills at a rate and runs empty by what is taken out.
type bucket struct{ left, most, rate float64 }

func (b *bucket) take(n int, passed time.Duration, back float64) bool {
	b.left = min(b.most, b.left+passed.Seconds()*b.rate+back) - float64(n)
	return b.left >= 0
}

// Kinds of HTTP/2 frames: RFC 9113, section 6.
const (
	frameData     = 0x0
	frameHeaders  = 0x1
	framePriority = 0x2
	frameReset    = 0x3
	frameSettings = 0x4
	framePing     = 0x6
	frameHead     = 9
	flagAck       = 0x1
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// frames counts the frames that come in on a connection.
type frames struct {
	prefaced int  // bytes of the preface that were seen
	other    bool // it is no HTTP/2
	skip     int  // bytes to the head of the next frame
	head     [frameHead]byte
	have     int // bytes of it

	opened, reset, control int // since settle
	at                     time.Time
	resets, controls       bucket
}

// see counts the frames in a piece of what was read, and tells whether there are resets or control frames to settle.
func (f *frames) see(p []byte) bool {
	for len(p) > 0 && !f.other {
		switch {
		case f.prefaced < len(preface):
			n := min(len(p), len(preface)-f.prefaced)
			f.other = string(p[:n]) != preface[f.prefaced:f.prefaced+n]
			f.prefaced += n
			p = p[n:]
		case f.skip > 0:
			n := min(len(p), f.skip)
			f.skip -= n
			p = p[n:]
		default:
			n := copy(f.head[f.have:], p)
			p = p[n:]
			if f.have += n; f.have < frameHead {
				break
			}
			f.have = 0
			f.skip = int(binary.BigEndian.Uint32(f.head[:4]) >> 8)
			f.count(f.head[3], f.head[4])
		}
	}
	return f.reset+f.control > 0
}

func (f *frames) count(kind, flags byte) {
	switch kind {
	case frameData, frameHeaders:
		f.opened++
	case frameReset:
		f.reset++
	case framePriority:
		f.control++
	case framePing, frameSettings:
		if flags&flagAck == 0 {
			f.control++
		}
	}
}

// settle takes what was counted from what is allowed, and tells whether it was.
func (f *frames) settle(now time.Time) bool {
	passed := time.Duration(0)
	if !f.at.IsZero() {
		passed = now.Sub(f.at)
	}
	ok := f.resets.take(f.reset, passed, 0)
	ok = f.controls.take(f.control, passed, float64(controlPer*f.opened)) && ok
	f.at, f.opened, f.reset, f.control = now, 0, 0, 0
	return ok
}
