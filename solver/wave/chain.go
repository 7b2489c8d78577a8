package wave

// chaining is a worker's memory for chains of ejections: an order takes a plan that it wants, whoever then is one too
// many at a counter moves to another plan, and so on until everything fits again.
type chaining struct {
	s       *search
	room    []int64 // the worker's own copy
	moved   []move
	best    []move
	value   int64 // of the best chain, scaled; below 0
	nodes   int
	pending []int32 // counters that may be short
	heat    int64   // the most that noise adds to the cost of a plan
	seed    uint64
}

// A move gives an order another plan of its pool.
type move struct{ order, to int32 }

// Ceilings on a chain: how many orders it moves, how many plans its first order tries, how many orders are tried to
// make room at a counter, and how many plans of each.
const longestChain, firstPlans, chainUsers, chainPlans = 10, 12, 8, 5

// begin copies what is left of all counters.
func (c *chaining) begin(s *search, heat int64, seed uint64) {
	c.s, c.heat, c.seed = s, heat, seed
	c.room = append(c.room[:0], s.room...)
}

// from searches the chain that starts with an order and saves most; nil when none saves.
func (c *chaining) from(o int32, nodes int) []move {
	s := c.s
	c.value, c.best = 0, c.best[:0]
	pool := s.pools[o]
	now := s.chosen[o]
	tried := 0
	for i := range pool {
		if int32(i) == now {
			continue
		}
		if pool[i].priced >= pool[now].priced+s.push {
			break
		}
		c.moved, c.pending = c.moved[:0], c.pending[:0]
		c.nodes = nodes
		c.shift(o, int32(i), 0)
		if tried++; tried >= firstPlans {
			break
		}
	}
	if len(c.best) == 0 {
		return nil
	}
	return append([]move(nil), c.best...)
}

// shift moves an order to a plan, goes on to resolve what is short, and takes everything back.
func (c *chaining) shift(o, to int32, value int64) {
	if c.nodes--; c.nodes < 0 {
		return
	}
	s := c.s
	pool := s.pools[o]
	old, made := &pool[s.chosen[o]], &pool[to]
	value += made.priced - old.priced
	if c.heat > 0 {
		value += c.noise(o, to) - c.noise(o, s.chosen[o])
	}
	value += c.take(old.terms, -1)
	value += c.take(made.terms, 1)
	if value < c.value {
		pending := len(c.pending)
		for _, t := range made.terms {
			if c.room[t.counter] < 0 {
				c.pending = append(c.pending, t.counter)
			}
		}
		c.moved = append(c.moved, move{o, to})
		c.resolve(value)
		c.moved = c.moved[:len(c.moved)-1]
		c.pending = c.pending[:pending]
	}
	c.take(made.terms, -1)
	c.take(old.terms, 1)
}

// take changes what is left and returns by how much more it is worth; what is short counts as nothing.
func (c *chaining) take(terms []term, sign int64) int64 {
	var worth int64
	for _, t := range terms {
		was := c.room[t.counter]
		is := was - sign*int64(t.amount)
		c.room[t.counter] = is
		worth += c.s.price[t.counter] * (max(is, 0) - max(was, 0))
	}
	return worth
}

// resolve makes room at the latest counter that is short.
func (c *chaining) resolve(value int64) {
	s := c.s
	at := len(c.pending) - 1
	for at >= 0 && c.room[c.pending[at]] >= 0 {
		at--
	}
	if at < 0 {
		c.value = value
		c.best = append(c.best[:0], c.moved...)
		return
	}
	if len(c.moved) == longestChain {
		return
	}
	counter := c.pending[at]
	users := 0
	list := s.users[counter]
next:
	for _, u := range list[:min(len(list), 8*chainUsers)] {
		for _, m := range c.moved {
			if m.order == u.order {
				continue next
			}
		}
		pool := s.pools[u.order]
		now := s.chosen[u.order]
		have := taken(pool[now].terms, counter)
		plans := 0
		for i := range pool {
			if int32(i) == now || taken(pool[i].terms, counter) >= have {
				continue
			}
			if value+pool[i].priced-pool[now].priced >= c.value {
				break
			}
			c.shift(u.order, int32(i), value)
			if plans++; plans >= chainPlans || c.nodes < 0 {
				break
			}
		}
		if plans > 0 {
			users++
		}
		if users >= chainUsers || c.nodes < 0 {
			return
		}
	}
}

// noise returns what a plan costs more in this round, from 0 to heat.
func (c *chaining) noise(o, plan int32) int64 {
	seed := c.seed + uint64(o)<<32 + uint64(plan)<<8
	return noise(c.heat, &seed)
}
