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
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256,omitempty"`
	// Manifest is what an archive of a collection says of itself, Storage what one
	// of a whole storage does; one of them is nil.
	Manifest *archive.Manifest `json:"manifest,omitzero"`
	Storage  *archive.Storage  `json:"storage,omitzero"`
}

// readReport reads what an archive says of itself, of either kind, and returns
// the length that it must have. src is read again from its beginning.
func readReport(src io.ReadSeeker) (report Report, size int64, err error) {
	r, err := archive.NewReader(src)
	var kind *archive.OtherKindError
	switch {
	case err == nil:
		report.Manifest = r.Manifest()
		size, err = archive.Size(report.Manifest)
		return report, size, err
	case !errors.As(err, &kind):
		return report, 0, err
	}
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return report, 0, err
	}
	s, err := archive.NewStorageReader(src)
	if err != nil {
		return report, 0, err
	}
	report.Storage = s.Storage()
	size, err = archive.StorageSize(report.Storage)
	return report, size, err
}

// ChecksumSuffix ends the name of a file beside an archive that holds its sha256.
const ChecksumSuffix = ".checksum"

// Inspect reads what an archive says of itself. Of what follows it compares the
// length only.
func Inspect(path string) (Report, error) {
	f, err := openRegular(path)
	if err != nil {
		return Report{}, err
	}
	defer f.Close() // read only: nothing can be lost
	st, err := f.Stat()
	if err != nil {
		return Report{}, err
	}
	report, want, err := readReport(f)
	report.Size = st.Size()
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
	if report, _, err = readReport(f); err != nil {
		return Report{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Report{}, err
	}
	hash, counted := sha256.New(), new(counter)
	src := io.TeeReader(f, io.MultiWriter(hash, counted))
	// Checksums within files that say the same as those of the archive count too.
	if report.Storage != nil {
		err = eachPart(src, func(_ archive.Part, r *archive.Reader) error {
			return provePart(ctx, fsx.OS, dir, r, (*segments.Durable).Verify)
		})
	} else if _, _, err = Unpack(ctx, fsx.OS, dir, src, nil); err == nil {
		err = verifyState(ctx, fsx.OS, dir, (*segments.Durable).Verify)
	}
	if err != nil {
		return Report{}, err
	}
	report.Size, report.SHA256 = counted.n, hex.EncodeToString(hash.Sum(nil))
	return report, compareChecksumFile(path, report.SHA256)
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
