package durable

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"testing/fstest"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
)

// The archive keeps the files of a network as a zip, in values of the journal: "network/VERSION" describes the pieces
// "piece/VERSION/0", "piece/VERSION/1" and so on, and is written last. Pieces that nothing describes, after a crash, are
// written over when the network is put again. Prices are kept likewise, as "prices/VERSION" and "pricespiece/VERSION/0".
type shelf struct {
	kind   string // of what lies there, for people
	prefix string // of descriptions
	pieces string // prefix of pieces
	file   string // that each is a zip of alone; empty where it has any files
}

var (
	networkShelf = &shelf{kind: "network", prefix: "network/", pieces: "piece/"}
	pricesShelf  = &shelf{kind: "prices", prefix: "prices/", pieces: "pricespiece/", file: "prices.csv"}
)

const pieceBytes = journal.MaxValue

// maxArchive bounds the zip of one network, so that a description which damage made up cannot ask for all memory.
const maxArchive = 1 << 30

// An archived describes the zip of a network or of prices.
type archived struct {
	Size   int64  `json:"size"`   // bytes
	Digest string `json:"sha256"` // of its bytes, in hexadecimal
}

func (a *archived) pieces() int { return int((a.Size + pieceBytes - 1) / pieceBytes) }

func (sh *shelf) name(version string) string { return sh.prefix + version }

func (sh *shelf) piece(version string, i int) string {
	return sh.pieces + version + "/" + strconv.Itoa(i)
}

// JoinVersion returns the name by which a ledger knows a network with prices, by the versions of both. Without prices it is
// the network's.
func JoinVersion(network, prices string) string {
	if prices == "" {
		return network
	}
	return network + "+" + prices
}

// SplitVersion returns the versions that JoinVersion has joined.
func SplitVersion(version string) (network, prices string) {
	network, prices, _ = strings.Cut(version, "+")
	return network, prices
}

// pack returns the regular files below a root as a zip. The same files give the same bytes: they go in the order of their
// names, without times.
func pack(files fs.FS) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is no regular file", name)
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// PutNetwork keeps the files of a network under the version of its content, durable when it returns; call it before the
// version is given to the ledger, so that no decision names what is not kept. A version that is kept already stays. Versions
// that no record kept names any more are dropped with the old records, but never one that this process put.
func (s *Store) PutNetwork(version string, files fs.FS) error {
	return s.keep(networkShelf, version, files)
}

// PutPrices keeps a file of prices under the version of its content as PutNetwork keeps networks. They are dropped likewise
// when no record kept names them any more, but not before ReleasePrices was called as often as PutPrices.
func (s *Store) PutPrices(version string, content []byte) error {
	return s.keep(pricesShelf, version, fstest.MapFS{pricesShelf.file: {Data: content}})
}

// ReleasePrices tells that no decision to come names prices that were put.
func (s *Store) ReleasePrices(version string) {
	s.archiving.Lock()
	defer s.archiving.Unlock()
	if name := pricesShelf.name(version); s.put[name] > 1 {
		s.put[name]--
	} else {
		delete(s.put, name)
	}
}

// keep puts files on a shelf.
func (s *Store) keep(sh *shelf, version string, files fs.FS) error {
	s.archiving.Lock()
	defer s.archiving.Unlock()
	_, err := s.readArchive(sh, version)
	if err == nil {
		s.put[sh.name(version)]++
		return nil
	}
	if !errors.Is(err, journal.ErrNoValue) {
		s.log.Warn("what was kept does not read back; it is written again", "what", sh.kind, "version", version, "error", err)
	}
	content, err := pack(files)
	if err == nil && len(content) > maxArchive {
		err = fmt.Errorf("its zip has %d bytes; at most %d", len(content), maxArchive)
	}
	if err == nil {
		err = s.writeArchive(sh, version, content)
	}
	if err != nil {
		return fmt.Errorf("keeping %s %s: %w", sh.kind, version, err)
	}
	s.put[sh.name(version)]++
	return nil
}

func (s *Store) writeArchive(sh *shelf, version string, content []byte) error {
	sum := sha256.Sum256(content)
	a := archived{Size: int64(len(content)), Digest: hex.EncodeToString(sum[:])}
	for i := range a.pieces() {
		piece := content[i*pieceBytes : min(len(content), (i+1)*pieceBytes)]
		if err := s.journal.SetValue(s.epoch, sh.piece(version, i), piece); err != nil {
			return err
		}
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return s.journal.SetValue(s.epoch, sh.name(version), text)
}

// Network returns the files of a network as they were put under a version; journal.ErrNoValue when none were, or when
// they were dropped with the records that named them.
func (h *History) Network(version string) (fs.FS, error) { return h.files(networkShelf, version) }

// Prices returns the file of prices that was put under a version, or an error as Network does.
func (h *History) Prices(version string) ([]byte, error) {
	files, err := h.files(pricesShelf, version)
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(files, pricesShelf.file)
}

func (h *History) files(sh *shelf, version string) (fs.FS, error) {
	content, err := h.readArchive(sh, version)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", sh.kind, version, err)
	}
	files, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", sh.kind, version, err)
	}
	return files, nil
}

// readArchive returns a zip.
func (h *History) readArchive(sh *shelf, version string) ([]byte, error) {
	a, err := h.describe(sh, version)
	if err != nil {
		return nil, err
	}
	content := make([]byte, 0, a.Size)
	for i := range a.pieces() {
		piece, err := h.journal.Value(sh.piece(version, i))
		if errors.Is(err, journal.ErrNoValue) {
			return nil, &journal.DamageError{What: fmt.Sprintf("piece %d of %s %s is missing", i, sh.kind, version)}
		}
		if err != nil {
			return nil, err
		}
		if len(piece) > pieceBytes {
			return nil, &journal.DamageError{What: fmt.Sprintf("piece %d of %s %s has %d bytes", i, sh.kind, version, len(piece))}
		}
		content = append(content, piece...)
	}
	if sum := sha256.Sum256(content); int64(len(content)) != a.Size || hex.EncodeToString(sum[:]) != a.Digest {
		return nil, &journal.DamageError{What: fmt.Sprintf("%s %s is not what was put", sh.kind, version)}
	}
	return content, nil
}

// describe returns what is kept of a version.
func (h *History) describe(sh *shelf, version string) (a archived, err error) {
	text, err := h.journal.Value(sh.name(version))
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(text, &a); err != nil || a.Size < 0 || a.Size > maxArchive {
		return a, &journal.DamageError{What: fmt.Sprintf("%s %s is described as %.80q", sh.kind, version, text)}
	}
	return a, nil
}

// versions returns what is kept on a shelf, in ascending order.
func (h *History) versions(sh *shelf) ([]string, error) {
	names, err := h.journal.Values(sh.prefix)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", sh.kind, err)
	}
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], sh.prefix)
	}
	return names, nil
}

// Networks returns the versions of the networks whose files are kept, in ascending order.
func (h *History) Networks() ([]string, error) { return h.versions(networkShelf) }

// PriceVersions returns the versions of the prices that are kept, in ascending order.
func (h *History) PriceVersions() ([]string, error) { return h.versions(pricesShelf) }

// A kept is a version on a shelf.
type kept struct {
	shelf   *shelf
	version string
}

// dropNetworks drops the networks and prices that nothing kept names: no decision among the records, nor the ledger as the
// one that it took into service last, nor this process.
func (s *Store) dropNetworks() error {
	candidates, err := s.candidates()
	if err != nil || len(candidates) == 0 {
		return err
	}
	// Without prices rarely more than one network is kept, so only now is it worth reading all records for those that they
	// name. Decisions to come name what this process has put.
	start, _ := s.journal.Bounds()
	named := map[ledger.Network]bool{}
	for e, err := range s.Events(start.Sequence) {
		if err != nil {
			return err
		}
		if e.Kind == ledger.Held || e.Kind == ledger.Declined {
			named[e.Basis.Network] = true
		}
		select {
		case <-s.stop:
			return errStopped
		default:
		}
	}
	_, _, _, names := s.ledger.Names()
	needed := map[string]bool{}
	for number := range named {
		if number > 0 && int(number) <= len(names) {
			network, prices := SplitVersion(names[number-1])
			needed[networkShelf.name(network)], needed[pricesShelf.name(prices)] = true, true
		}
	}
	s.archiving.Lock()
	defer s.archiving.Unlock()
	for _, c := range candidates {
		if name := c.shelf.name(c.version); needed[name] || s.put[name] > 0 { // maybe since
			continue
		}
		if err := s.deleteArchive(c.shelf, c.version); err != nil {
			return fmt.Errorf("dropping %s %s: %w", c.shelf.kind, c.version, err)
		}
		s.log.Info("what no kept decision names was dropped", "what", c.shelf.kind, "version", c.version)
	}
	return nil
}

// candidates returns the networks and prices that are kept and may be dropped unless a record names them.
func (s *Store) candidates() (found []kept, err error) {
	if s.ledger == nil { // while it opens, nobody knows what will be in service
		return nil, nil
	}
	_, _, _, names := s.ledger.Names()
	latest := ""
	if len(names) > 0 {
		latest, _ = SplitVersion(names[len(names)-1])
	}
	for _, sh := range []*shelf{networkShelf, pricesShelf} {
		versions, err := s.versions(sh)
		if err != nil {
			return nil, err
		}
		s.archiving.Lock()
		for _, version := range versions {
			if s.put[sh.name(version)] == 0 && (sh != networkShelf || version != latest) {
				found = append(found, kept{sh, version})
			}
		}
		s.archiving.Unlock()
	}
	return found, nil
}

// deleteArchive deletes what is kept of a version, the description first, so that no half of it is taken for the whole.
func (s *Store) deleteArchive(sh *shelf, version string) error {
	a, err := s.describe(sh, version)
	if err != nil && !errors.Is(err, journal.ErrDamaged) {
		return err
	}
	if err := s.journal.SetValue(s.epoch, sh.name(version), nil); err != nil {
		return err
	}
	for i := range a.pieces() {
		if err := s.journal.SetValue(s.epoch, sh.piece(version, i), nil); err != nil {
			return err
		}
	}
	return nil
}
