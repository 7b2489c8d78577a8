package faults

import (
	"fmt"
	"strings"
)

// DidYouMean returns `did you mean "reno"?` for the known name nearest to got, or "" when none is near. Case is
// ignored; of equally near names the first in known wins. It takes len(got) * len(name) steps for each name.
func DidYouMean(got string, known []string) string {
	got = strings.ToLower(got)
	if len(got) > 100 {
		return ""
	}
	best, bestAt := len(got)/3+2, -1
	for i, name := range known {
		if d := distance(got, strings.ToLower(name), best); d < best {
			best, bestAt = d, i
		}
	}
	if bestAt < 0 {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", known[bestAt])
}

// distance is the number of single-byte insertions, deletions, replacements and swaps of neighbours that turn a
// into b (optimal string alignment), or limit when it is not below limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return min(prev[len(b)], limit)
}
