package pebblejournal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/ledger/journal"
	"github.com/allot-engine/allot/ledger/journal/journaltest"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A sample is the files of a small journal, and what it holds.
type sample struct {
	name      string
	files     map[string][]byte
	start     uint64
	records   []string // from the first, trimmed ones included
	snapshots map[uint64]string
	values    map[string]string
}

// samples returns a journal that was closed, and the same one after a crash, when its records are in the log.
func samples(t *testing.T) []sample {
	t.Helper()
	files := vfs.NewCrashableMem()
	s := sample{name: "closed", snapshots: map[uint64]string{}, values: map[string]string{"network": "north", "format": "7"}}
	crashed := s
	crashed.name = "crashed"
	crashed.snapshots = map[uint64]string{}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	j, err := Open("j", Options{FS: files, Log: quiet, Fatal: fatal(t)})
	ok(err)
	epoch, err := j.Begin()
	ok(err)
	for name, value := range s.values {
		ok(j.SetValue(epoch, name, []byte(value)))
	}
	for g := range 5 {
		var records [][]byte
		for r := range g + 1 {
			records = append(records, fmt.Appendf(nil, "group %d record %d", g, r))
			s.records = append(s.records, string(records[r]))
		}
		_, end := j.Bounds()
		at, err := j.Append(epoch, end.Sequence, records)
		ok(err)
		if g == 1 || g == 3 {
			text := "the snapshot at " + at.String()
			_, err := j.WriteSnapshot(epoch, at, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
			ok(err)
			s.snapshots[at.Sequence] = text
		}
	}
	ok(j.Trim(epoch, 1))
	s.start = 1
	crashed.records, crashed.start = s.records, s.start
	maps.Copy(crashed.snapshots, s.snapshots)
	crashed.files = contents(t, files.CrashClone(vfs.CrashCloneCfg{}))
	ok(j.Close())
	s.files = contents(t, files)
	return []sample{s, crashed}
}

// contents returns the files of the journal in j.
func contents(t *testing.T, files vfs.FS) map[string][]byte {
	t.Helper()
	names, err := files.List("j")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, name := range names {
		f, err := files.Open("j/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if all[name], err = io.ReadAll(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return all
}

// An outcome is what became of a damaged journal.
type outcome string

const (
	refused outcome = "refused"       // by an error of Open, or the process stopped
	found   outcome = "found in use"  // a clean prefix, then an error
	shorter outcome = "clean prefix"  // without an error
	whole   outcome = "nothing to it" // everything is there
)

// examine opens a journal with one file replaced, or removed if the content is nil, and looks at everything it has. An error says that it has something that
// was never written.
func (s *sample) examine(damagedName string, content []byte) (outcome, error) {
	files := vfs.NewMem()
	if err := files.MkdirAll("j", 0o755); err != nil {
		return "", err
	}
	for name, b := range s.files {
		if name == damagedName {
			if b = content; b == nil {
				continue
			}
		}
		f, err := files.Create("j/"+name, vfs.WriteCategoryUnspecified)
		if err != nil {
			return "", err
		}
		if _, err := f.Write(slices.Clone(b)); err != nil { // the file may scribble on it, to find those who keep it
			return "", err
		}
		f.Close()
	}
	stopped := make(chan error, 1)
	type verdict struct {
		outcome outcome
		err     error
	}
	done := make(chan verdict, 1)
	go func() {
		o, err := s.look(files, func(err error) {
			stopped <- err
			select {}
		})
		done <- verdict{o, err}
	}()
	select {
	case err := <-stopped:
		return refused, tells(err)
	case v := <-done:
		return v.outcome, v.err
	case <-time.After(5 * time.Minute):
		return "", errors.New("it hangs")
	}
}

// tells returns nil if an error says in one line that there is damage, and what to do; or of another format, which is what
// damage may look like.
func tells(err error) error {
	text := err.Error()
	switch {
	case !errors.Is(err, journal.ErrDamaged) && !errors.Is(err, journal.ErrFormat):
		return fmt.Errorf("damage shows as %w", err)
	case strings.Contains(text, "\n"), strings.Contains(text, "carrier"), strings.Count(text, "the journal is damaged") > 1, strings.Contains(text, "journal:"):
		return fmt.Errorf("damage is told as %q", text)
	case !strings.Contains(text, "restore") && !strings.Contains(text, "newer program"):
		return fmt.Errorf("nobody says what to do about: %w", err)
	}
	return nil
}

func (s *sample) look(files vfs.FS, fatal func(error)) (outcome, error) {
	j, err := Open("j", Options{FS: files, Log: quiet, Fatal: fatal})
	if err != nil {
		return refused, tells(err)
	}
	o := whole
	start, end := j.Bounds()
	got, err := journaltest.Records(j, start.Sequence)
	switch {
	case err != nil && !errors.Is(err, journal.ErrDamaged):
		return "", fmt.Errorf("damage shows as %w", err)
	case err != nil:
		o = found
	case end.Sequence < uint64(len(s.records)):
		o = shorter
	}
	switch start.Sequence {
	case s.start:
	case 0: // the trimming was the last that was written
		if o == whole {
			o = shorter
		}
	default:
		return "", fmt.Errorf("the journal starts at %d", start.Sequence)
	}
	for i, r := range got {
		if n := int(start.Sequence) + i; n >= len(s.records) || r != s.records[n] {
			return "", fmt.Errorf("record %d is %q", n+1, r)
		}
	}
	all, err := j.Snapshots()
	if err != nil {
		return "", err
	}
	if len(all) != len(s.snapshots) && o == whole {
		return "", fmt.Errorf("a snapshot is missing, and nothing else")
	}
	for _, a := range all {
		text, err := journaltest.Content(j, a.Sequence)
		switch {
		case err != nil && !errors.Is(err, journal.ErrDamaged):
			return "", fmt.Errorf("damage shows as %w", err)
		case err != nil:
			o = found
		case text != s.snapshots[a.Sequence]:
			return "", fmt.Errorf("the snapshot at %d holds %q", a.Sequence, text)
		}
	}
	for name, want := range s.values {
		value, err := j.Value(name)
		switch {
		case errors.Is(err, journal.ErrDamaged):
			o = found
		case errors.Is(err, journal.ErrNoValue) && o == shorter:
		case err != nil:
			return "", err
		case string(value) != want:
			return "", fmt.Errorf("the value %s is %q", name, value)
		}
	}
	if err := j.Verify(nil); (err != nil) != (o == found) {
		return "", fmt.Errorf("%s, and Verify says %w", o, err)
	}
	return o, j.Close()
}

var digits = regexp.MustCompile(`[0-9]+`)

// TestDamageEndsInAPrefixOrARefusal truncates every file of a journal to every length and flips every bit of it, or as
// many of them as there is time for.
func TestDamageEndsInAPrefixOrARefusal(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			if o, err := s.examine("", nil); o != whole || err != nil {
				t.Fatalf("without damage: %s, %v", o, err)
			}
			type change struct {
				name string
				bit  int // to flip; or
				cut  int // the length, if bit is negative
			}
			var all []change
			for _, name := range slices.Sorted(maps.Keys(s.files)) {
				content := s.files[name]
				for i := range content {
					if strings.HasSuffix(name, groupsSuffix) && len(bytes.Trim(content[max(0, i-16):min(i+16, len(content))], "\x00")) == 0 {
						continue // most of it are zeros that nobody looks at
					}
					all = append(all, change{name, -1, i})
					for bit := range 8 {
						all = append(all, change{name, 8*i + bit, 0})
					}
				}
			}
			every := len(all)
			random.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
			all = all[:min(len(all), rounds(400, len(all)))]
			outcomes := map[string]map[outcome]int{}
			for _, c := range all {
				content := slices.Clone(s.files[c.name])
				kind, what := "cut short", fmt.Sprintf("%s cut to %d of %d bytes", c.name, c.cut, len(content))
				if c.bit < 0 {
					content = append([]byte{}, content[:c.cut]...)
				} else {
					kind, what = "bit flipped", fmt.Sprintf("bit %d of %s flipped", c.bit, c.name)
					content[c.bit/8] ^= 1 << (c.bit % 8)
				}
				o, err := s.examine(c.name, content)
				if err != nil {
					t.Errorf("%s: %v", what, err)
				}
				kind = digits.ReplaceAllString(strings.TrimLeft(c.name, "0123456789"), "") + " " + kind
				if outcomes[kind] == nil {
					outcomes[kind] = map[outcome]int{}
				}
				outcomes[kind][o]++
			}
			t.Logf("%d of %d changes", len(all), every)
			for _, kind := range slices.Sorted(maps.Keys(outcomes)) {
				t.Logf("%-24s %v", kind, outcomes[kind])
			}
			if s.name == "closed" {
				for kind, o := range outcomes {
					if o[shorter] > 0 {
						t.Errorf("%s: a journal that was closed became shorter without an error %d times", kind, o[shorter])
					}
				}
			}
		})
	}
}

// TestMissingFilesAreDamage removes each file of a journal.
//
// The store of a journal that was closed has two logs. The older one is obsolete: Close flushes what is in it into tables before it
// notes how far the journal reaches, the manifest says from which log on to read, and the next opening removes the file.
// That nothing in it matters is why a flipped bit in it is not noticed.
func TestMissingFilesAreDamage(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			var logs []string
			for _, name := range slices.Sorted(maps.Keys(s.files)) {
				o, err := s.examine(name, nil)
				if err != nil {
					t.Errorf("without %s: %v", name, err)
				}
				t.Logf("without %s: %s", name, o)
				switch {
				case strings.HasSuffix(name, ".log"):
					logs = append(logs, name)
					if s.name == "closed" && o != whole {
						t.Errorf("a closed journal needs the log %s: %s", name, o)
					}
					if s.name == "crashed" && o == whole {
						t.Errorf("nobody misses the log %s of a journal that was not closed", name)
					}
				case name == nextGroups:
					if o != whole {
						t.Errorf("the file that is not begun is needed: %s", o)
					}
				case strings.HasSuffix(name, snapshotSuffix): // an older one may be as good
					if o != found {
						t.Errorf("without %s: %s", name, o)
					}
				case name == "LOCK", strings.HasPrefix(name, "OPTIONS-"), strings.HasPrefix(name, "marker.format-version."):
				case o != refused:
					t.Errorf("without %s: %s", name, o)
				}
			}
			if s.name == "closed" && len(logs) != 2 {
				t.Errorf("the logs are %q", logs)
			}
			delete(s.files, markerName)
			for name := range s.files {
				if strings.HasPrefix(name, manifestMarker) {
					if o, err := s.examine(name, nil); o != refused || err != nil {
						t.Errorf("without both markers: %s, %v", o, err)
					}
				}
			}
		})
	}
}

// TestDamageIsSeenByTheTest is the control: a journal with another record or another snapshot must not pass.
func TestDamageIsSeenByTheTest(t *testing.T) {
	for _, s := range samples(t) {
		s.records = slices.Clone(s.records)
		s.records[7] = "another"
		if o, err := s.examine("", nil); err == nil {
			t.Errorf("%s: another record passes: %s", s.name, o)
		}
		s.records[7] = samples(t)[0].records[7]
		s.snapshots = maps.Clone(s.snapshots)
		s.snapshots[10] = "another"
		if o, err := s.examine("", nil); err == nil {
			t.Errorf("%s: another snapshot passes: %s", s.name, o)
		}
	}
}
