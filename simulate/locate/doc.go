// Package locate finds where more warehouses would save most.
//
// Candidates are the H3 cells to which most orders of a history go, each with a warehouse like one that the network has. What
// every order would cost from every warehouse there is, and from every candidate, is asked of the engine: the cheapest
// service that keeps the promise, with all terms, at the order's own time. The saving of a set of candidates is the sum over
// orders of what the cheapest of the set saves. That is the facility location problem, whose objective is submodular: each
// further site saves no more than it would have saved earlier. So taking the site that saves most, again and again, saves at
// least 1 - 1/e of the most that could be saved; exchanging sites one by one for as long as that saves more seldom leaves
// much, and the sum of the largest marginal savings proves how much at most.
//
// The estimate has stock and capacity without limit, and ships orders whole. Orders that are collected, and those that no
// warehouse ships whole, are left out; a candidate that reaches some of the latter is told to.
//
// Where the policy allows lateness, an order that now comes late counts at what that costs. If some candidate brings it in time, a
// site saves on it what it costs less in time: nothing where being in time costs more, which a replay pays all the same, and
// nothing where the site would only be late for less. If none does, the cheapest that is late counts.
//
// A replay of the history with the sites and with stock shared out to them says what remains of it. That may be more: where
// warehouses lack SKUs, orders come from afar or in parts, and sites get some of every SKU. On examples/us-parcel, where a
// warehouse has 23 to 75 % of the SKUs, a site is estimated to save 26,726 and saves 50,799 in the replay, 81,073 with a hundred
// times the stock, and 23,122 with plenty of every SKU everywhere: then it is less, for splits have brought costs down already.
//
// Sources: G. L. Nemhauser, L. A. Wolsey and M. L. Fisher, "An analysis of approximations for maximizing submodular set
// functions—I", Mathematical Programming 14 (1978), propositions 4.1 and 4.3 and theorem 4.2; M. B. Teitz and P. Bart,
// "Heuristic methods for estimating the generalized vertex median of a weighted graph", Operations Research 16 (1968).
package locate
