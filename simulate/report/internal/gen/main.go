// Command gen makes borders.txt, the borders of the states of the US as the report draws them, from the file
// states-10m.json of the npm package us-atlas. By hand, since the source is seldom renewed:
//
//	npm pack us-atlas@3.0.1 && tar xzf us-atlas-3.0.1.tgz
//	go run ./simulate/report/internal/gen <package/states-10m.json >simulate/report/borders/borders.txt
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
)

// tolerance is how far a simplified line may be from the original, in degrees. The map has about 0.06° to a pixel.
const tolerance = 0.03

// smallest is the size, in degrees, below which an island is left out.
const smallest = 0.12

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

type topology struct {
	Transform struct{ Scale, Translate [2]float64 }
	Arcs      [][][2]int
	Objects   struct {
		States struct {
			Geometries []struct {
				ID   string
				Type string
				Arcs json.RawMessage
			}
		}
	}
}

type point [2]float64 // longitude, latitude

func run(r io.Reader, w io.Writer) error {
	var t topology
	if err := json.NewDecoder(r).Decode(&t); err != nil {
		return err
	}
	wanted := make([]bool, len(t.Arcs))
	for _, g := range t.Objects.States.Geometries {
		fips, err := strconv.Atoi(g.ID)
		if err != nil {
			return err
		}
		if fips >= 60 {
			continue // territories, which the map has no room for
		}
		var nested any
		if err := json.Unmarshal(g.Arcs, &nested); err != nil {
			return err
		}
		mark(nested, wanted)
	}
	out := bufio.NewWriter(w)
	for i, arc := range t.Arcs {
		if !wanted[i] {
			continue
		}
		line := make([]point, len(arc))
		x, y := 0, 0
		for k, d := range arc {
			x, y = x+d[0], y+d[1]
			line[k] = point{float64(x)*t.Transform.Scale[0] + t.Transform.Translate[0], float64(y)*t.Transform.Scale[1] + t.Transform.Translate[1]}
		}
		if line[0] == line[len(line)-1] && extent(line) < smallest {
			continue
		}
		px, py := 0, 0
		for k, p := range simplify(line) {
			x, y := int(math.Round(p[0]*100)), int(math.Round(p[1]*100))
			if k > 0 {
				fmt.Fprint(out, " ")
			}
			fmt.Fprint(out, x-px, " ", y-py)
			px, py = x, y
		}
		fmt.Fprintln(out)
	}
	return out.Flush()
}

// mark finds the arcs in whatever nesting the geometry has. A negative number is an arc backwards.
func mark(nested any, wanted []bool) {
	switch v := nested.(type) {
	case float64:
		i := int(v)
		if i < 0 {
			i = ^i
		}
		wanted[i] = true
	case []any:
		for _, e := range v {
			mark(e, wanted)
		}
	}
}

func extent(line []point) float64 {
	low, high := line[0], line[0]
	for _, p := range line {
		for k := range p {
			low[k], high[k] = min(low[k], p[k]), max(high[k], p[k])
		}
	}
	return max(high[0]-low[0], high[1]-low[1])
}

// simplify is Douglas and Peucker's: it keeps the ends and what is farther than the tolerance from the line between them.
func simplify(line []point) []point {
	if len(line) < 3 {
		return line
	}
	at, far := 0, 0.0
	for i := 1; i < len(line)-1; i++ {
		if d := distance(line[i], line[0], line[len(line)-1]); d > far {
			at, far = i, d
		}
	}
	if far <= tolerance {
		return []point{line[0], line[len(line)-1]}
	}
	return append(simplify(line[:at+1]), simplify(line[at:])[1:]...)
}

// distance is that of p from the segment from a to b, longitudes shrunk to about their length at 40° north.
func distance(p, a, b point) float64 {
	const shrink = 0.77
	px, py := (p[0]-a[0])*shrink, p[1]-a[1]
	bx, by := (b[0]-a[0])*shrink, b[1]-a[1]
	along := 0.0
	if l := bx*bx + by*by; l > 0 {
		along = min(max((px*bx+py*by)/l, 0), 1)
	}
	return math.Hypot(px-along*bx, py-along*by)
}
