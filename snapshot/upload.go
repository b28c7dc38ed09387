package snapshot

import (
	"context"
	"errors"
	"io"
)

// UploadOptions say what is to become of an archive that a client sends.
type UploadOptions struct {
	// Checksum is as in Source.
	Checksum string
	// Name is the name of the client's file; it may be anything.
	Name string
	// Keep stores the archive as a snapshot of the collection, before it takes
	// the collection's place.
	Keep bool
}

// Upload is an archive that a client sends while it is unpacked. What is written
// to it is read by the job at once; nothing is spooled. Write and End are for one
// goroutine.
type Upload struct {
	*Job[Restored]
	sender
}

// FullUpload is an Upload of a whole storage.
type FullUpload struct {
	*Job[struct{}]
	sender
}

// sender hands an archive over to a job.
type sender struct{ pipe *io.PipeWriter }

// StartUpload begins to restore an archive that is written to the Upload, as
// StartRestore does. End must be called.
func (m *Manager) StartUpload(collection string, o UploadOptions) (*Upload, error) {
	name, err := m.target(collection)
	if err != nil {
		return nil, err
	}
	read, write := io.Pipe()
	r := &restoration{name: name, intake: intake{Manager: m, origin: &pushed{PipeReader: read}, checksum: o.Checksum, mismatch: uploadMismatch}}
	if o.Keep {
		r.keep = &keeping{name: o.Name}
	}
	job, err := m.startRestoration(JobUpload, o.Name, r)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return &Upload{Job: job, sender: sender{write}}, nil
}

// ErrUploadEnded is returned by Write when the job wants no more: it has failed
// or was cancelled. Wait says why.
var ErrUploadEnded = errors.New("the upload is over")

// Write hands the next bytes of the archive over. It waits until the job has
// taken them.
func (s sender) Write(p []byte) (int, error) { return s.pipe.Write(p) }

// End says that nothing more comes: with nil that the archive is complete, with
// an error that it is not, which makes the job fail with that error.
func (s sender) End(err error) {
	_ = s.pipe.CloseWithError(err) // never fails
}

// pushed is an origin into which somebody else writes.
type pushed struct {
	*io.PipeReader
	forget func() bool // nil before open
}

// open ends a read that waits when the context ends.
func (p *pushed) open(ctx context.Context) (stream, error) {
	p.forget = context.AfterFunc(ctx, func() { _ = p.CloseWithError(ctx.Err()) }) // never fails
	return stream{&cancellable{ctx, p.PipeReader}, -1}, nil
}

// Close implements io.Closer: who writes learns that nothing more is wanted.
func (p *pushed) Close() error {
	if p.forget != nil {
		p.forget()
	}
	return p.CloseWithError(ErrUploadEnded)
}

// cancellable is a reader whose error is that of the context once it has ended.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (c *cancellable) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && c.ctx.Err() != nil {
		err = c.ctx.Err()
	}
	return n, err
}
