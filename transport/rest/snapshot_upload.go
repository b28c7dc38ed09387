package rest

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport"
)

// UploadOptions say what is to become of an uploaded archive.
type UploadOptions struct {
	Checksum string // SHA-256 in hex, "" if none was given
	Name     string // of the client's file
	Keep     *bool  // whether the archive stays as a snapshot; nil: as configured
}

// Receiver takes an archive while it arrives.
type Receiver interface {
	// Write waits until the bytes have been taken. It fails when no more are
	// wanted.
	io.Writer
	// End says that the archive is complete, or with an error that it is not.
	End(err error)
}

// uploadBytes is how much of an upload is handed over at once.
const uploadBytes = 256 << 10

// skippedBytes is how much is read of an upload that was refused: many clients
// look for the answer only when they have sent everything.
const skippedBytes = 64 << 20

// plainError is an error that is answered with its text and nothing else, as the
// reference does for bodies that it cannot take apart.
type plainError struct {
	status int
	text   string
}

// Error implements error.
func (e *plainError) Error() string { return e.text }

var errIncomplete = &plainError{http.StatusBadRequest, "Multipart stream is incomplete"}

// uploadSnapshot restores the archive in the field "snapshot" of a form. The
// archive passes through: its size is not bounded.
func (s *Server) uploadSnapshot(c *gin.Context) {
	err := transport.CheckNewCollection(c.Param("collection_name"))
	var o UploadOptions
	var wait bool
	if err == nil {
		o, wait, err = uploadOptions(c)
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	begin := func(o UploadOptions) (Begun[SnapshotRestored], Receiver, error) {
		return s.options.Snapshots.Upload(c.Param("collection_name"), o)
	}
	uploadTo(s, c, o, wait, begin, func(r SnapshotRestored) { s.okRestored(c, r) })
}

// uploadTo hands the archive in the form over to the job that begin begins.
func uploadTo[T any](s *Server, c *gin.Context, o UploadOptions, wait bool, begin func(UploadOptions) (Begun[T], Receiver, error), done func(T)) {
	form, part, err := snapshotPart(c.Request)
	if err != nil {
		s.failUpload(c, err)
		return
	}
	o.Name = part.FileName()
	job, to, err := begin(o)
	if err != nil {
		s.failUpload(c, err)
		return
	}
	wanted, err := feed(to, form, part)
	to.End(jobError(err))
	if err != nil {
		c.Header(jobHeader, job.ID)
		s.failUpload(c, err)
		return
	}
	if !wanted {
		skip(c.Request.Body)
	}
	finish(s, c, job, wait || !wanted, done)
}

// failUpload answers with an error, in plain text if it is one of the form.
func (s *Server) failUpload(c *gin.Context, err error) {
	var plain *plainError
	if !errors.As(err, &plain) {
		s.fail(c, err)
		return
	}
	c.Set(errorKey, err)
	s.send(c, plain.status, typeText, []byte(plain.text))
}

// jobError is the error of a job whose archive did not arrive.
func jobError(err error) error {
	var plain *plainError
	if errors.As(err, &plain) {
		return tidemark.Errorf(tidemark.BadRequest, "%s", plain.text)
	}
	return err
}

// uploadOptions reads the parameters of an upload.
func uploadOptions(c *gin.Context) (o UploadOptions, wait bool, err error) {
	if wait, err = waits(c); err != nil {
		return o, false, err
	}
	if dry, err := isDryRun(c); err != nil || dry {
		return o, false, cmp.Or(err, error(tidemark.Errorf(tidemark.BadRequest, "an upload has no dry run: what it would do is known only when it has been sent")))
	}
	if p, ok := query(c).Lookup("priority"); ok {
		if err := checkPriority(p); err != nil {
			return o, false, &transport.ParamError{Name: "priority", Text: err.Error()}
		}
	}
	if keep, ok := query(c).Lookup("keep_uploaded"); ok {
		k, err := transport.ParseBool("keep_uploaded", keep)
		if err != nil {
			return o, false, err
		}
		o.Keep = &k
	}
	var checks transport.Checks
	if sum, ok := query(c).Lookup("checksum"); ok {
		checks.SHA256("checksum", sum)
		o.Checksum = sum
	}
	return o, wait, checks.Err(transport.InQuery)
}

// snapshotPart finds the field in a form. What stands before it is read and
// ignored.
func snapshotPart(r *http.Request) (*multipart.Reader, *multipart.Part, error) {
	boundary, err := boundaryOf(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, nil, err
	}
	form := multipart.NewReader(bufio.NewReaderSize(r.Body, uploadBytes), boundary)
	for {
		part, err := form.NextRawPart()
		if formEnded(err) {
			return nil, nil, &plainError{http.StatusBadRequest, "Required field is missing: snapshot"}
		}
		if err != nil {
			return nil, nil, formError(err)
		}
		if part.FormName() == "snapshot" {
			return form, part, nil
		}
	}
}

func boundaryOf(contentType string) (string, error) {
	if contentType == "" {
		return "", &plainError{http.StatusBadRequest, "Could not find Content-Type header"}
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || !strings.HasPrefix(media, "multipart/") {
		return "", &plainError{http.StatusUnsupportedMediaType, "ContentTypeIncompatible"}
	}
	if params["boundary"] == "" {
		return "", &plainError{http.StatusBadRequest, "Multipart boundary is not found"}
	}
	return params["boundary"], nil
}

// formEnded reports whether a form was read to its end. An error that wraps
// io.EOF says that it has none.
func formEnded(err error) bool {
	return err == io.EOF //nolint:errorlint // see above
}

// formError says why a form could not be read.
func formError(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return bodyError(err)
	}
	return errIncomplete
}

// feed hands over the part and reads the form to its end. wanted is false if the
// receiver wanted no more.
func feed(to io.Writer, form *multipart.Reader, part io.Reader) (wanted bool, err error) {
	buffer := make([]byte, uploadBytes)
	for {
		n, rerr := part.Read(buffer)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return false, nil //nolint:nilerr // the job knows why
			}
		}
		if errors.Is(rerr, io.EOF) {
			break
		}
		if rerr != nil {
			return true, formError(rerr)
		}
	}
	for {
		_, err := form.NextRawPart()
		if formEnded(err) {
			return true, nil
		}
		if err != nil {
			return true, formError(err)
		}
	}
}

// skip reads on for an answer to be heard.
func skip(body io.Reader) { _, _ = io.CopyN(io.Discard, body, skippedBytes) } // whatever ends it, the answer is due
