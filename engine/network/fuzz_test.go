package network

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"github.com/allot-engine/allot/faults"
	_ "github.com/allot-engine/allot/internal/seeds"
)

// archive writes files as text, "-- name --" before each, by name.
func archive(files fstest.MapFS) []byte {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "-- %s --\n%s", name, files[name].Data)
	}
	return []byte(b.String())
}

// unpack reads what archive wrote, of any bytes at all.
func unpack(raw []byte) fstest.MapFS {
	files := fstest.MapFS{}
	name := ""
	var body strings.Builder
	for line := range strings.SplitAfterSeq(string(raw), "\n") {
		if title, ok := strings.CutPrefix(line, "-- "); ok {
			if next, ok := strings.CutSuffix(title, " --\n"); ok {
				if name != "" {
					files[name] = &fstest.MapFile{Data: []byte(body.String())}
				}
				name = next
				body.Reset()
				continue
			}
		}
		body.WriteString(line)
	}
	if name != "" {
		files[name] = &fstest.MapFile{Data: []byte(body.String())}
	}
	return files
}

// checked loads a network and checks what holds for any: either it has faults, each with a file or a field and a
// problem, and no snapshot, or it compiles to rows that point where there is something.
func checked(t testing.TB, files fstest.MapFS) {
	t.Helper()
	snap, stock, err := LoadFS(files, nil)
	again := Check(files)
	if (err == nil) != (len(again) == 0) || (err == nil) != (snap != nil) {
		t.Fatalf("loading says %v, checking %v", err, again)
	}
	for _, f := range again {
		if f.Problem == "" || f.File == "" && f.Field == "" || f.Row < 0 || f.Column < 0 {
			t.Fatalf("a fault that tells nothing: %+v", f)
		}
	}
	if err != nil {
		if fe, ok := errors.AsType[*faults.Error](err); !ok || !slices.Equal(lines(fe.Faults), lines(again)) {
			t.Fatalf("loading says\n%v\nchecking\n%s", err, strings.Join(lines(again), "\n"))
		}
		return
	}
	for i := range snap.Warehouses {
		w := &snap.Warehouses[i]
		if row, ok := snap.Warehouse(w.ID); !ok || int(row) != i {
			t.Fatalf("warehouse %q is not in its row", w.ID)
		}
		p := &snap.Profiles[w.Profile]
		for s := range snap.Services {
			if w.Services>>s&1 == 1 && (p.Pickups[s].Calendar == nil || len(p.Pickups[s].Times) == 0) {
				t.Fatalf("service %q has no pickup at %q", snap.Services[s].ID, w.ID)
			}
		}
	}
	for i := range snap.Services {
		s := &snap.Services[i]
		if s.Tariff == nil || len(s.Tariff.Cards()) == 0 || s.Transit == nil || len(s.Origins) != len(snap.Warehouses) || s.Zones == nil && s.OnlyZone == 0 {
			t.Fatalf("service %q is not whole", s.ID)
		}
	}
	for i, id := range snap.SKUs.IDs {
		if row, ok := snap.SKUs.Row(id); !ok || int(row) != i || snap.SKUs.Weight[i] <= 0 || snap.SKUs.Class[i] == 0 {
			t.Fatalf("SKU %q is not whole", id)
		}
	}
	for _, r := range stock.Rows {
		if _, ok := snap.Warehouse(r.Warehouse); !ok {
			t.Fatalf("stock at no warehouse: %+v", r)
		}
		if _, ok := snap.SKUs.Row(r.SKU); !ok {
			t.Fatalf("stock of no SKU: %+v", r)
		}
	}
	if next, _, err := LoadFS(files, snap.Rows()); err != nil || next.Version != snap.Version {
		t.Fatalf("compiled after itself: %v", err)
	}
}

func FuzzSettings(f *testing.F) {
	files := small(f)
	f.Add(string(files[SettingsFile].Data))
	for _, c := range broken {
		f.Add(string(edited(f, c.edits...)[SettingsFile].Data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		files := maps.Clone(files)
		files[SettingsFile] = &fstest.MapFile{Data: []byte(text)}
		checked(t, files)
	})
}

func FuzzDirectory(f *testing.F) {
	f.Add(archive(small(f)))
	for _, c := range broken {
		f.Add(archive(edited(f, c.edits...)))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		files := unpack(raw)
		for name := range files {
			if strings.HasPrefix(name, PlacesDir+"/") {
				delete(files, name) // merging with the US table takes a tenth of a second
			}
		}
		checked(t, files)
	})
}

func TestArchive(t *testing.T) {
	files := small(t)
	back := unpack(archive(files))
	if len(back) != len(files) {
		t.Fatalf("%d files come back of %d", len(back), len(files))
	}
	for name := range files {
		if string(back[name].Data) != string(files[name].Data) {
			t.Errorf("%s comes back otherwise", name)
		}
	}
}

// TestSpoiled spoils a sound network in a few places and checks that it never panics and never half compiles.
func TestSpoiled(t *testing.T) {
	sound := small(t)
	names := slices.Sorted(maps.Keys(sound))
	words := []string{"", "0", "-1", "99999999999999999999", "x", "none", "reno", "usps", "plain", "25:00", "2026-02-30", "1 lb", "\"", ",", "\n", ": ", "[", "{}", "\xff", "*", "-", "#"}
	rapid.Check(t, func(rt *rapid.T) {
		files := maps.Clone(sound)
		for range rapid.IntRange(1, 3).Draw(rt, "edits") {
			name := rapid.SampledFrom(names).Draw(rt, "file")
			text := string(files[name].Data)
			fields := strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(",: \n[]{}", c) })
			if len(fields) == 0 {
				continue
			}
			old := rapid.SampledFrom(fields).Draw(rt, "old")
			word := rapid.SampledFrom(words).Draw(rt, "new")
			files[name] = &fstest.MapFile{Data: []byte(strings.Replace(text, old, word, rapid.SampledFrom([]int{1, -1}).Draw(rt, "times")))}
		}
		checked(t, files)
	})
}
