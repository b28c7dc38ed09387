package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
)

// Upload is an archive that is sent.
type Upload struct {
	Name     string // of the file
	Content  io.Reader
	Size     int64 // of Content, in bytes
	Checksum string
	Keep     bool // whether it stays as a snapshot even if the server's rule is otherwise
	// Watch is told how many bytes were sent. It may be called from another
	// goroutine, until Upload returns.
	Watch func(done int64)
}

// Upload sends an archive to be restored, never holding more than a little of it,
// and returns the id of the job.
func (c *Client) Upload(ctx context.Context, p Place, u Upload) (string, error) {
	var head bytes.Buffer
	form := multipart.NewWriter(&head)
	if _, err := form.CreateFormFile("snapshot", u.Name); err != nil {
		return "", fmt.Errorf("begin the form: %w", err)
	}
	begun := head.Len()
	if err := form.Close(); err != nil {
		return "", fmt.Errorf("end the form: %w", err)
	}
	before, after := head.Bytes()[:begun], head.Bytes()[begun:]

	content := &counted{r: io.LimitReader(u.Content, u.Size), watch: u.Watch}
	body := io.MultiReader(bytes.NewReader(before), content, bytes.NewReader(after))
	r, err := c.build(ctx, http.MethodPost, c.at(p.path("upload"), u.query()), body)
	if err != nil {
		return "", err
	}
	r.ContentLength = int64(head.Len()) + u.Size
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Expect", "100-continue") // a refusal comes before the bytes
	h, err := c.send(r, nil)
	if err != nil {
		return "", err
	}
	return jobID(h)
}

func (u Upload) query() url.Values {
	q := url.Values{"wait": {"false"}}
	if u.Checksum != "" {
		q.Set("checksum", u.Checksum)
	}
	if u.Keep {
		q.Set("keep_uploaded", strconv.FormatBool(true))
	}
	return q
}

// counted tells how much was read.
type counted struct {
	r     io.Reader
	n     int64
	watch func(int64)
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if n > 0 {
		c.n += int64(n)
		c.watch(c.n)
	}
	return n, err
}
