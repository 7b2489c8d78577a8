// Package compare holds replays of the same orders against each other: what would have cost more, what less, which orders
// moved from where to where and why, which places and SKUs explain the change, and whether it is a go.
//
// Orders are paired: what is compared is the same order in two runs, so that what makes orders differ from each other cancels
// out. Sums of money are integers and add up to the micro: the steps of the waterfall, the rows of every attribution and the
// paired differences are each the difference of the two runs' totals. Only statistics are floating-point numbers: means, shares
// and their intervals.
//
// # Intervals
//
// Intervals are of the paired bootstrap (B. Efron and R. Tibshirani, An Introduction to the Bootstrap, 1993, chapters 13 and 14):
// orders are drawn again with replacement, each together with what both runs made of it, and figures are computed anew. What
// is drawn are blocks. Up to [MaxBlocks] orders, each is a block of its own and the bootstrap is the ordinary one; of more, a
// hash of the position says the block. Orders that fall together by a hash are a sample like any other, so the blocks' sums vary
// as the orders' do, and memory and time of a bootstrap do not grow with the orders; the price is that the width of an interval is
// itself off by about 1/sqrt(2·MaxBlocks), one percent. Every figure is a ratio of two sums of the draw, so blocks of unequal sizes do no
// harm. Draws come from a generator seeded with the option and the replicate, so the answer is the same on any number of cores.
//
// Orders of one day compete for the same stock and capacity, so they are not quite independent. [Options.Days] draws whole
// days, which keeps such ties and gives wider, more honest intervals, where there are enough days to draw from (some twenty).
package compare
