// Package seeds gives random tests their seeds: new ones at each run, so that many runs see many worlds, or the same ones
// at each run where ALLOT_SEED says so, so that a change is judged by what it changes and not by a lucky find. Importing it
// seeds rapid's properties in the same way.
package seeds

import (
	"flag"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	_ "pgregory.net/rapid" // it registers the flag that init sets
)

// Variable is the name of the environment variable: a number from 1 to 2^64-1. Empty or 0 asks for new seeds.
const Variable = "ALLOT_SEED"

// fixed is what Variable says; 0 asks for new seeds.
var fixed = read(os.Getenv(Variable))

func read(text string) uint64 {
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		panic(Variable + " is not a number: " + err.Error())
	}
	return n
}

// A flag on the command line still wins: it is read after this.
func init() {
	if fixed == 0 {
		return
	}
	if err := flag.Set("rapid.seed", strconv.FormatUint(fixed, 10)); err != nil {
		panic(err)
	}
}

// New returns the seed of a test: a new one, or the one that follows from Variable and the test's name, which is then the
// same at each call of one test. The test says it where it fails.
func New(tb testing.TB) uint64 {
	tb.Helper()
	if fixed == 0 {
		return rand.Uint64() //nolint:forbidigo // this is where seeds come from; the test prints it
	}
	return of(fixed, tb.Name())
}

func of(fixed uint64, name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.NewPCG(fixed, h.Sum64()).Uint64()
}
