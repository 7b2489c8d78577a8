package main

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A file is one file of a set of cases.
type file struct {
	name string // slash-separated, below the set
	data []byte
}

// readSet reads all JSON files below a directory, or in a .tar.gz, in the order of their names.
func readSet(name string) ([]file, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	var files []file
	if info.IsDir() {
		files, err = readDirectory(name)
	} else {
		files, err = readArchive(name)
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	return files, err
}

func readDirectory(dir string) ([]file, error) {
	var files []file
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasSuffix(name, ".tar.gz"):
			more, err := readArchive(name)
			files = append(files, more...)
			return err
		case entry.IsDir() || filepath.Ext(name) != ".json":
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(dir, name)
		files = append(files, file{filepath.ToSlash(below), data})
		return err
	})
	return files, err
}

func readArchive(name string) ([]file, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	zip, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var files []file
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if h.Typeflag != tar.TypeReg || path.Ext(h.Name) != ".json" {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, h.Name, err)
		}
		files = append(files, file{path.Clean(h.Name), data})
	}
}

// kind returns the folder of a case, which says what it is.
func (f *file) kind() string { return path.Base(path.Dir(f.name)) }

// A rateCard is ratecard.json.
type rateCard struct {
	MoneyUnit string    `json:"money_unit"`
	Steps     []int64   `json:"weight_step_upper_bounds_g"`
	Services  []service `json:"services"`
}

type service struct {
	ID      string          `json:"id"`
	Carrier string          `json:"carrier"`
	Divisor int64           `json:"dim_divisor_cm3_per_g"`
	MaxG    int64           `json:"max_billable_g"`
	Transit map[int]int64   `json:"transit_days_by_zone"`
	Rates   map[int][]int64 `json:"rates_by_zone"`
}

// An orderCase is one file of order or order_large.
type orderCase struct {
	Name       string           `json:"name"`
	MaySplit   bool             `json:"allow_quantity_split"`
	Promise    int64            `json:"promise_days"`
	SplitCost  int64            `json:"split_penalty_per_extra_shipment"`
	Lines      []orderLine      `json:"lines"`
	Warehouses []orderWarehouse `json:"warehouses"`
	Status     string           `json:"status"`
	Optimum    *int64           `json:"optimal_cost"`
	Proof      string           `json:"proof"`
}

type orderLine struct {
	Quantity int32 `json:"qty"`
	UnitG    int64 `json:"unit_g"`
	UnitCM3  int64 `json:"unit_cm3"`
}

type orderWarehouse struct {
	ID          string   `json:"id"`
	Zone        int      `json:"zone"`
	Processing  int64    `json:"processing_days"`
	Carriers    []string `json:"carriers"`
	PerShipment int64    `json:"cost_per_shipment"`
	PerLine     int64    `json:"cost_per_line"`
	PerUnit     int64    `json:"cost_per_unit"`
	UnitsLeft   int64    `json:"unit_capacity_left"`
	Stock       []int32  `json:"stock_by_line"`
}

func decode(f *file, into any) error {
	if err := json.Unmarshal(f.data, into); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	return nil
}
