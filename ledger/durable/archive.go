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

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
)

// The archive keeps the files of a network as a zip, in values of the journal: "network/VERSION" describes the pieces
// "piece/VERSION/0", "piece/VERSION/1" and so on, and is written last. Pieces that nothing describes, after a crash, are
// written over when the network is put again.
const (
	archivePrefix = "network/"
	piecePrefix   = "piece/"
	pieceBytes    = journal.MaxValue
)

// maxArchive bounds the zip of one network, so that a description which damage made up cannot ask for all memory.
const maxArchive = 1 << 30

// An archived describes the zip of a network.
type archived struct {
	Size   int64  `json:"size"`   // bytes
	Digest string `json:"sha256"` // of its bytes, in hexadecimal
}

func (a *archived) pieces() int { return int((a.Size + pieceBytes - 1) / pieceBytes) }

func archiveName(version string) string { return archivePrefix + version }

func pieceName(version string, i int) string {
	return piecePrefix + version + "/" + strconv.Itoa(i)
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
	s.archiving.Lock()
	defer s.archiving.Unlock()
	_, err := s.readArchive(version)
	if err == nil {
		s.put[version] = true
		return nil
	}
	if !errors.Is(err, journal.ErrNoValue) {
		s.log.Warn("a network that was kept does not read back; it is written again", "version", version, "error", err)
	}
	content, err := pack(files)
	if err == nil && len(content) > maxArchive {
		err = fmt.Errorf("its zip has %d bytes; at most %d", len(content), maxArchive)
	}
	if err != nil {
		return fmt.Errorf("keeping network %s: %w", version, err)
	}
	if err := s.writeArchive(version, content); err != nil {
		return fmt.Errorf("keeping network %s: %w", version, err)
	}
	s.put[version] = true
	return nil
}

func (s *Store) writeArchive(version string, content []byte) error {
	sum := sha256.Sum256(content)
	a := archived{Size: int64(len(content)), Digest: hex.EncodeToString(sum[:])}
	for i := range a.pieces() {
		piece := content[i*pieceBytes : min(len(content), (i+1)*pieceBytes)]
		if err := s.journal.SetValue(s.epoch, pieceName(version, i), piece); err != nil {
			return err
		}
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return s.journal.SetValue(s.epoch, archiveName(version), text)
}

// Network returns the files of a network as they were put under a version; journal.ErrNoValue when none were, or when
// they were dropped with the records that named them.
func (h *History) Network(version string) (fs.FS, error) {
	content, err := h.readArchive(version)
	if err != nil {
		return nil, fmt.Errorf("network %s: %w", version, err)
	}
	files, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, fmt.Errorf("network %s: %w", version, err)
	}
	return files, nil
}

// readArchive returns the zip of a network.
func (h *History) readArchive(version string) ([]byte, error) {
	a, err := h.describe(version)
	if err != nil {
		return nil, err
	}
	content := make([]byte, 0, a.Size)
	for i := range a.pieces() {
		piece, err := h.journal.Value(pieceName(version, i))
		if errors.Is(err, journal.ErrNoValue) {
			return nil, &journal.DamageError{What: fmt.Sprintf("piece %d of network %s is missing", i, version)}
		}
		if err != nil {
			return nil, err
		}
		if len(piece) > pieceBytes {
			return nil, &journal.DamageError{What: fmt.Sprintf("piece %d of network %s has %d bytes", i, version, len(piece))}
		}
		content = append(content, piece...)
	}
	if sum := sha256.Sum256(content); int64(len(content)) != a.Size || hex.EncodeToString(sum[:]) != a.Digest {
		return nil, &journal.DamageError{What: fmt.Sprintf("network %s is not what was put", version)}
	}
	return content, nil
}

// describe returns what is kept of a network.
func (h *History) describe(version string) (a archived, err error) {
	text, err := h.journal.Value(archiveName(version))
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(text, &a); err != nil || a.Size < 0 || a.Size > maxArchive {
		return a, &journal.DamageError{What: fmt.Sprintf("network %s is described as %.80q", version, text)}
	}
	return a, nil
}

// dropNetworks drops the networks that nothing kept names: no decision among the records, nor the ledger as the one that it
// took into service last, nor this process.
func (s *Store) dropNetworks() error {
	versions, err := s.candidates()
	if err != nil || len(versions) == 0 {
		return err
	}
	// Rarely more than one network is kept, so only now is it worth reading all records for those that they name. Decisions
	// to come name networks that this process has put.
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
	s.archiving.Lock()
	defer s.archiving.Unlock()
	for number, version := range versions {
		if named[number] || s.put[version] { // maybe since
			continue
		}
		if err := s.deleteArchive(version); err != nil {
			return fmt.Errorf("dropping network %s: %w", version, err)
		}
		s.log.Info("a network that no kept decision names was dropped", "version", version)
	}
	return nil
}

// candidates returns the networks that are kept and may be dropped unless a record names them.
func (s *Store) candidates() (map[ledger.Network]string, error) {
	if s.ledger == nil { // while it opens, nobody knows what will be in service
		return nil, nil
	}
	_, _, _, networks := s.ledger.Names()
	found := map[ledger.Network]string{}
	for i, version := range networks {
		if i+1 == len(networks) {
			continue
		}
		s.archiving.Lock()
		put := s.put[version]
		s.archiving.Unlock()
		if put {
			continue
		}
		switch _, err := s.describe(version); {
		case errors.Is(err, journal.ErrNoValue):
		case err != nil && !errors.Is(err, journal.ErrDamaged):
			return nil, err
		default:
			found[ledger.Network(i+1)] = version
		}
	}
	return found, nil
}

// deleteArchive deletes what is kept of a network, the description first, so that no half of it is taken for the whole.
func (s *Store) deleteArchive(version string) error {
	a, err := s.describe(version)
	if err != nil && !errors.Is(err, journal.ErrDamaged) {
		return err
	}
	if err := s.journal.SetValue(s.epoch, archiveName(version), nil); err != nil {
		return err
	}
	for i := range a.pieces() {
		if err := s.journal.SetValue(s.epoch, pieceName(version, i), nil); err != nil {
			return err
		}
	}
	return nil
}
