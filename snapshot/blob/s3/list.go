package s3

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// looks bounds how many objects of a listing are looked at at once.
const looks = 16

// List implements blob.Store. A listing of the server has no metadata, so each
// object is looked at once; as objects never change, the next List remembers it.
func (s *Store) List(ctx context.Context, folder string) ([]blob.Info, error) {
	prefix := s.folder(folder)
	listed, err := s.listed(ctx, prefix)
	if err != nil {
		return nil, err
	}
	out := make([]*blob.Info, len(listed))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(looks)
	for i, o := range listed {
		group.Go(func() error {
			info, err := s.lookAt(ctx, prefix, o)
			if errors.Is(err, blob.ErrNotFound) { // deleted a moment ago
				return nil
			}
			out[i] = &info
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	s.known.forget(prefix, listed)
	return inOrder(out), nil
}

func inOrder(found []*blob.Info) []blob.Info {
	var infos []blob.Info
	for _, info := range found {
		if info != nil {
			infos = append(infos, *info)
		}
	}
	slices.SortFunc(infos, func(a, b blob.Info) int { return strings.Compare(a.Name, b.Name) })
	return infos
}

// listed returns what lies in a folder and has the name of an object of ours.
func (s *Store) listed(ctx context.Context, prefix string) ([]types.Object, error) {
	var all []types.Object
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{
		Bucket: &s.options.Bucket, Prefix: &prefix, Delimiter: aws.String("/"), MaxKeys: s.options.pageKeys,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, wrap("list snapshots", err)
		}
		for _, o := range page.Contents {
			name, below := strings.CutPrefix(aws.ToString(o.Key), prefix)
			if below && validate(blob.Key{Name: name}) == nil {
				all = append(all, o)
			}
		}
	}
	return all, nil
}

// lookAt describes a listed object, from memory if it is the one that was seen.
func (s *Store) lookAt(ctx context.Context, prefix string, o types.Object) (blob.Info, error) {
	object := aws.ToString(o.Key)
	if info, ok := s.known.get(object, o); ok {
		return info, nil
	}
	f, err := s.head(ctx, ref{object: object, name: strings.TrimPrefix(object, prefix)})
	if err != nil {
		return blob.Info{}, err
	}
	if f.SHA256 != "" && f.etag == aws.ToString(o.ETag) {
		s.known.put(object, o, f.Info)
	}
	return f.Info, nil
}

// infos remembers objects of listings. The zero value is ready.
type infos struct {
	mu   sync.Mutex
	seen map[string]seen
}

type seen struct {
	etag     string
	modified time.Time
	info     blob.Info
}

func (i *infos) get(object string, o types.Object) (blob.Info, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	s, ok := i.seen[object]
	return s.info, ok && s.etag == aws.ToString(o.ETag) && s.modified.Equal(aws.ToTime(o.LastModified)) && s.info.Size == aws.ToInt64(o.Size)
}

func (i *infos) put(object string, o types.Object, info blob.Info) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.seen == nil {
		i.seen = map[string]seen{}
	}
	i.seen[object] = seen{aws.ToString(o.ETag), aws.ToTime(o.LastModified), info}
}

// forget keeps of a folder only what was listed.
func (i *infos) forget(prefix string, listed []types.Object) {
	there := make(map[string]bool, len(listed))
	for _, o := range listed {
		there[aws.ToString(o.Key)] = true
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for object := range i.seen {
		if name, below := strings.CutPrefix(object, prefix); below && !strings.Contains(name, "/") && !there[object] {
			delete(i.seen, object)
		}
	}
}
