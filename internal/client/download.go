package client

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// ErrExists says that there is a file already where one was to be written.
var ErrExists = errors.New("the file exists")

// Download says where a snapshot is written to.
type Download struct {
	Snapshot Snapshot // as Find returns it
	Path     string
	Replace  bool // a file that is there already
	// Watch is told how many bytes are there.
	Watch func(done int64)
}

// attempts is how often in a row a download is begun again without that a byte
// came.
const attempts = 5

// Download fetches a snapshot. What has come lies beside Path until all of it is
// there and has the checksum that the server told; then it gets its name in one
// step, durably. After an error it stays, and the next Download of the same
// snapshot goes on where it ended.
func (c *Client) Download(ctx context.Context, p Place, d Download) error {
	if _, err := os.Lstat(d.Path); err == nil && !d.Replace {
		return fmt.Errorf("%s: %w", d.Path, ErrExists)
	}
	part, err := openPart(partPath(d), d.Snapshot)
	if err != nil {
		return err
	}
	defer part.close()
	pause := firstLook
	for failed := 0; !part.complete(); {
		before := part.size
		err := c.fetch(ctx, p, d, part)
		if err != nil && !canGoOn(err) {
			return err
		}
		if failed++; part.size > before {
			failed, pause = 0, firstLook
		}
		if failed == attempts {
			return err
		}
		if err != nil {
			if err := sleep(ctx, pause); err != nil {
				return err
			}
			pause = min(2*pause, laterLooks)
		}
	}
	return part.commit(d)
}

// partPath names the file of what has come. The checksum in it keeps apart what
// belongs to different snapshots of one name.
func partPath(d Download) string {
	return fmt.Sprintf("%s.%.16s.part", d.Path, d.Snapshot.Checksum)
}

// errCut says that a transfer ended early.
var errCut = errors.New("the connection ended before all of the snapshot had come")

// canGoOn reports whether it makes sense to ask for the rest.
func canGoOn(err error) bool {
	var gone *UnreachableError
	var no *Error
	switch {
	case errors.As(err, &gone), errors.Is(err, errCut):
		return true
	case errors.As(err, &no):
		return no.Status == http.StatusServiceUnavailable || no.Status == http.StatusBadGateway || no.Status == http.StatusGatewayTimeout
	}
	return false
}

// fetch asks for what is missing and adds what comes.
func (c *Client) fetch(ctx context.Context, p Place, d Download, part *part) error {
	r, err := c.build(ctx, http.MethodGet, c.at(p.path(d.Snapshot.Name), nil), nil)
	if err != nil {
		return err
	}
	tag := `"` + d.Snapshot.Checksum + `"`
	if part.size > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", part.size))
		if d.Snapshot.Checksum != "" {
			r.Header.Set("If-Range", tag)
		}
	}
	answer, err := c.do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		if err := part.restart(); err != nil {
			return err
		}
	case http.StatusPartialContent:
		if from := fmt.Sprintf("bytes %d-", part.size); !strings.HasPrefix(answer.Header.Get("Content-Range"), from) {
			return fmt.Errorf("the server sent %q where %q was asked for", answer.Header.Get("Content-Range"), from)
		}
	default:
		return refusal(answer)
	}
	return part.add(ctx, answer.Body, d.Watch)
}

// add appends what comes, at most what is missing.
func (p *part) add(ctx context.Context, from io.Reader, watch func(int64)) error {
	to := io.MultiWriter(p.file, p.hash)
	buffer := make([]byte, 256<<10)
	for !p.complete() {
		n, err := from.Read(buffer[:min(int64(len(buffer)), p.want-p.size)])
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return fmt.Errorf("write the download: %w", err)
			}
			p.size += int64(n)
			watch(p.size)
		}
		switch {
		case p.complete():
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return errCut
		case err != nil:
			return fmt.Errorf("%w: %w", errCut, err)
		}
	}
	return nil
}

// commit compares the checksum and gives the file its name.
func (p *part) commit(d Download) error {
	if sum := hex.EncodeToString(p.hash.Sum(nil)); d.Snapshot.Checksum != "" && sum != d.Snapshot.Checksum {
		err := &DamagedError{Text: fmt.Sprintf("what came of %s has the sha256 %s, the server says %s; it was removed", d.Snapshot.Name, sum, d.Snapshot.Checksum)}
		return errors.Join(err, os.Remove(p.file.Name()))
	}
	if err := p.file.Sync(); err != nil {
		return fmt.Errorf("sync the download: %w", err)
	}
	if err := p.publish(d); err != nil {
		return err
	}
	return syncDir(filepath.Dir(d.Path))
}

// publish renames the file. Unless it may replace another, it is linked, which
// never does.
func (p *part) publish(d Download) error {
	if d.Replace {
		return os.Rename(p.file.Name(), d.Path)
	}
	err := os.Link(p.file.Name(), d.Path)
	switch {
	case err == nil:
		return os.Remove(p.file.Name())
	case errors.Is(err, os.ErrExist):
		return fmt.Errorf("%s: %w", d.Path, ErrExists)
	}
	return os.Rename(p.file.Name(), d.Path) // a file system without links
}
