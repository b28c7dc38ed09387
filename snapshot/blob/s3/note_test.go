package s3

import (
	"bytes"
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/s3/s3test"
)

func TestNotes(t *testing.T) {
	s3test.ClearEnv(t)
	server, ctx := s3test.Start(t), context.Background()
	s, f := faulty(t, server)
	require.ErrorIs(t, s.SetNote(ctx, testKey, []byte("x")), blob.ErrNotFound)
	require.NoError(t, put(s, testKey))
	note := func() []byte {
		t.Helper()
		b, err := s.Note(ctx, testKey)
		require.NoError(t, err)
		return b
	}
	require.Nil(t, note())
	for _, text := range []string{"first", "", "second"} {
		require.NoError(t, s.SetNote(ctx, testKey, []byte(text)))
		require.Equal(t, text, string(note()))
		s.notes = notes{} // as after a restart
		require.Equal(t, text, string(note()))
	}
	require.Error(t, s.SetNote(ctx, testKey, make([]byte, blob.MaxNoteBytes+1)))
	require.Equal(t, "second", string(note()))
	f.start(nil)
	require.Equal(t, "second", string(note()))
	require.Zero(t, f.count("GetObject"), "it is remembered")
	list, err := s.List(ctx, testKey.Folder)
	require.NoError(t, err)
	require.Len(t, list, 1, "a note is no object")

	// A failure that may have taken effect leaves nothing to believe.
	f.start(on("PutObject", answerLost))
	require.ErrorIs(t, s.SetNote(ctx, testKey, []byte("third")), blob.ErrUnavailable)
	f.start(nil)
	require.Equal(t, "third", string(note()))
	f.start(on("GetObject", slowDown))
	s.notes = notes{}
	_, err = s.Note(ctx, testKey)
	require.ErrorIs(t, err, blob.ErrUnavailable)
	f.start(nil)

	object := s.ref(testKey).object + noteSuffix
	_, err = server.Client(t).PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &object, Body: bytes.NewReader(make([]byte, blob.MaxNoteBytes+1)),
	})
	require.NoError(t, err)
	s.notes = notes{}
	require.Nil(t, note(), "it is none of ours")
	s.notes = notes{}
	require.NoError(t, s.Delete(ctx, testKey))
	requireNothing(t, server, s)
	require.Nil(t, note())
	_, err = s.Note(ctx, blob.Key{Folder: "c", Name: "../x"})
	require.ErrorIs(t, err, blob.ErrNotFound)
	require.ErrorIs(t, s.SetNote(ctx, blob.Key{Folder: "c", Name: "../x"}, nil), blob.ErrNotFound)
}

// TestNotesRemembered: what is remembered is bounded, and nobody can change it.
func TestNotesRemembered(t *testing.T) {
	var n notes
	for i := range maxNotes + 1 {
		n.put(string(rune(i)), []byte("x"))
	}
	require.Len(t, n.seen, 1)
	text := []byte("note")
	n.put("a", text)
	text[0] = 'X'
	got, ok := n.get("a")
	require.True(t, ok)
	got[1] = 'X'
	got, _ = n.get("a")
	require.Equal(t, "note", string(got))
}
