package snapshot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/archive"
)

// Report describes an archive on disk.
type Report struct {
	// Size is the length of the file in bytes, SHA256 its checksum; empty if it
	// was not computed.
	Size     int64             `json:"size"`
	SHA256   string            `json:"sha256,omitempty"`
	Manifest *archive.Manifest `json:"manifest"`
}

// ChecksumSuffix ends the name of a file beside an archive that holds its sha256.
const ChecksumSuffix = ".checksum"

// Inspect reads what an archive says of itself. Of what follows it compares the
// length only.
func Inspect(path string) (Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return Report{}, err
	}
	defer f.Close() // read only: nothing can be lost
	st, err := f.Stat()
	if err != nil {
		return Report{}, err
	}
	r, err := archive.NewReader(f)
	if err != nil {
		return Report{}, err
	}
	report := Report{Size: st.Size(), Manifest: r.Manifest()}
	want, err := archive.Size(report.Manifest)
	if err == nil && want != st.Size() {
		err = lengthError(want, st.Size())
	}
	return report, err
}

// lengthError says that an archive is shorter or longer than it says.
func lengthError(want, got int64) error {
	return &archive.CorruptError{Offset: min(want, got), Reason: fmt.Sprintf("the file has %d bytes, its manifest says %d", got, want)}
}

// VerifyFile proves an archive: every byte of it, its checksum file if there is
// one, and every point, whose hashes and digest are computed anew. It unpacks the
// archive into a directory below tempDir, which needs as much room as the archive,
// and removes that again.
func VerifyFile(ctx context.Context, path, tempDir string) (report Report, err error) {
	f, err := os.Open(path)
	if err != nil {
		return Report{}, err
	}
	defer f.Close() // read only: nothing can be lost
	dir, err := os.MkdirTemp(tempDir, "tidemark-verify-")
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	hash, counted := sha256.New(), new(counter)
	report.Manifest, _, err = Unpack(ctx, fsx.OS, dir, io.TeeReader(f, io.MultiWriter(hash, counted)), nil)
	if err != nil {
		return Report{}, err
	}
	report.Size, report.SHA256 = counted.n, hex.EncodeToString(hash.Sum(nil))
	if err := compareChecksumFile(path, report.SHA256); err != nil {
		return report, err
	}
	// Checksums within files that say the same as those of the archive count too.
	return report, verifyState(ctx, fsx.OS, dir, (*segments.Durable).Verify)
}

func compareChecksumFile(path, sum string) error {
	text, err := os.ReadFile(path + ChecksumSuffix)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if want := strings.TrimSpace(string(text)); !strings.EqualFold(want, sum) {
		return &StateError{Err: fmt.Errorf("its sha256 is %s, %s%s says %.64q", sum, path, ChecksumSuffix, want)}
	}
	return nil
}

// IsDamage reports whether an error of Inspect or VerifyFile says that the
// archive is not what was written.
func IsDamage(err error) bool {
	var corrupt *archive.CorruptError
	var state *StateError
	return errors.As(err, &corrupt) || errors.As(err, &state) || errors.Is(err, segments.ErrDamaged)
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
