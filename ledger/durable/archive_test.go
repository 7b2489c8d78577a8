package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
)

// noise returns bytes that no zip makes smaller.
func noise(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestNetworksReadBackAsTheyWerePut(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	j := journal.NewMemory()
	s := mustOpen(t, keep{j}, options())
	networks := map[string]fstest.MapFS{
		"empty": {},
		"small": {"network.yaml": {Data: []byte("name: x\n")}, "cards/ups.yaml": {Data: []byte("y")}, "nothing.csv": {}},
		"large": {"a.csv": {Data: noise(rng, journal.MaxValue-1000)}, "b/c.csv": {Data: noise(rng, journal.MaxValue)}},
		"17":    {"network.yaml": {Data: []byte("a version may be a number")}},
	}
	for version, files := range networks {
		for range 2 {
			if err := s.PutNetwork(version, files); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := OpenReadOnly(keep{j}, Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if versions, err := h.Networks(); err != nil || !slices.Equal(versions, []string{"17", "empty", "large", "small"}) {
		t.Errorf("%v %v", versions, err)
	}
	for version, files := range networks {
		got, err := h.Network(version)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		err = fs.WalkDir(got, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			found++
			content, err := fs.ReadFile(got, name)
			if err == nil && !bytes.Equal(content, files[name].Data) {
				t.Errorf("%s: %s has other content", version, name)
			}
			return err
		})
		if err != nil || found != len(files) {
			t.Errorf("%s: %d files, want %d; %v", version, found, len(files), err)
		}
	}
	if _, err := h.Network("unknown"); !errors.Is(err, journal.ErrNoValue) {
		t.Errorf("an unknown one: %v", err)
	}
	if r, err := Verify(keep{j}, nil); err != nil || r.Networks != len(networks) {
		t.Errorf("%+v %v", r, err)
	}
}

func TestPackingIsDeterministic(t *testing.T) {
	files := fstest.MapFS{"b": {Data: []byte("b")}, "a/c": {Data: []byte("c")}, "a.d": {Data: []byte("d")}}
	one, err := pack(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		f.Mode = 0o700
		f.ModTime = f.ModTime.AddDate(2000, 0, 0)
	}
	if two, err := pack(files); err != nil || !bytes.Equal(one, two) {
		t.Errorf("the same files give another zip (%v)", err)
	}
	files["link"] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("b")}
	if _, err := pack(files); err == nil {
		t.Error("a link was packed")
	}
}

func TestADamagedNetworkIsToldAndPutAgain(t *testing.T) {
	s := mustOpen(t, keep{journal.NewMemory()}, options())
	defer s.Close()
	files := fstest.MapFS{"a": {Data: []byte("hello")}}
	for _, damage := range []func() error{
		func() error { return s.journal.SetValue(s.epoch, networkShelf.piece("v", 0), []byte("other")) },
		func() error { return s.journal.SetValue(s.epoch, networkShelf.piece("v", 0), nil) },
		func() error { return s.journal.SetValue(s.epoch, networkShelf.name("v"), []byte("{}")) },
		func() error {
			return s.journal.SetValue(s.epoch, networkShelf.name("v"), []byte(`{"size":1000000000000}`))
		},
		func() error { return s.journal.SetValue(s.epoch, networkShelf.name("v"), []byte(`nonsense`)) },
	} {
		if err := s.PutNetwork("v", files); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Network("v"); err != nil {
			t.Fatal(err)
		}
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Network("v"); !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("%v", err)
		}
		if _, err := Verify(s.journal, nil); !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("Verify: %v", err)
		}
	}
}

// TestNetworksGoWithTheRecordsThatNameThem has decisions on five networks; 2 is put again by the process that trims.
func TestNetworksGoWithTheRecordsThatNameThem(t *testing.T) {
	j := keep{journal.NewMemory()}
	o := options()
	o.Keep = 1
	s := mustOpen(t, j, o)
	setUp(t, s.Ledger())
	version := func(n int) string { return fmt.Sprint("version-", n) }
	put := func(n int) {
		t.Helper()
		if err := s.PutNetwork(version(n), fstest.MapFS{"name": {Data: []byte(version(n))}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Ledger().Extend(midnight, nil, nil, nil, []string{version(n)}); err != nil {
			t.Fatal(err)
		}
	}
	decide := func(n int) {
		t.Helper()
		_, err := s.Ledger().Decline(&ledger.Allocation{At: midnight, Basis: ledger.Basis{Network: ledger.Network(n)}})
		if err != nil {
			t.Fatal(err)
		}
	}
	kept := func() string {
		t.Helper()
		versions, err := s.Networks()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(versions)
	}
	for n := 1; n <= 5; n++ {
		put(n)
		decide(n)
	}
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
	if got := kept(); got != "[version-1 version-2 version-3 version-4 version-5]" {
		t.Errorf("this process has put all: %s", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, j, o)
	defer s.Close()
	put(2)
	decide(3)
	if err := s.dropNetworks(); err != nil {
		t.Fatal(err)
	}
	if got := kept(); got != "[version-2 version-3 version-5]" {
		t.Errorf("3 is named by a record, 2 was put, 5 is the latest: %s", got)
	}
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
	if got := kept(); got != "[version-2 version-5]" {
		t.Errorf("nothing names 3 any more: %s", got)
	}
}

// TestPricesStayWhileTheyAreNeeded has decisions on one network with one prices after another, as they are swapped in.
func TestPricesStayWhileTheyAreNeeded(t *testing.T) {
	j := keep{journal.NewMemory()}
	o := options()
	o.Keep = 1
	s := mustOpen(t, j, o)
	setUp(t, s.Ledger()) // gives the network its name
	if err := s.PutNetwork("version-1", fstest.MapFS{"name": {Data: []byte("one")}}); err != nil {
		t.Fatal(err)
	}
	put := func(prices string) {
		t.Helper()
		if err := s.PutPrices(prices, []byte("the prices "+prices)); err != nil {
			t.Fatal(err)
		}
		if err := s.Ledger().Extend(midnight, nil, nil, nil, []string{JoinVersion("version-1", prices)}); err != nil {
			t.Fatal(err)
		}
	}
	decide := func(prices string) {
		t.Helper()
		n, _ := s.Ledger().Network(JoinVersion("version-1", prices))
		if _, err := s.Ledger().Decline(&ledger.Allocation{At: midnight, Basis: ledger.Basis{Network: n}}); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want, why string) {
		t.Helper()
		got, err := s.PriceVersions()
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%v %v, want %s: %s", got, err, want, why)
		}
		if networks, err := s.Networks(); err != nil || fmt.Sprint(networks) != "[version-1]" {
			t.Errorf("%v %v: the network is in service", networks, err)
		}
	}
	put("a")
	put("b")
	put("b")
	put("c")
	decide("b")
	s.ReleasePrices("a")
	s.ReleasePrices("b")
	s.ReleasePrices("b")
	if err := s.dropNetworks(); err != nil {
		t.Fatal(err)
	}
	check("[b c]", "a was released and is named by nothing")
	if content, err := s.Prices("b"); err != nil || string(content) != "the prices b" {
		t.Errorf("%q %v", content, err)
	}
	if _, err := s.Prices("a"); !errors.Is(err, journal.ErrNoValue) {
		t.Errorf("%v", err)
	}
	decide("c")
	if report, err := Verify(j, nil); err != nil || report.Prices != 2 || report.Networks != 1 {
		t.Errorf("%+v %v", report, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, j, o)
	defer s.Close()
	if err := s.dropNetworks(); err != nil {
		t.Fatal(err)
	}
	check("[b c]", "records name them")
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
	check("[]", "nothing names them any more")
}
