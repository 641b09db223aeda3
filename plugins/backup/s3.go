package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/filesystem/blob"
)

// S3 is a bucket of S3 or of a service that speaks its language. It is used if it
// has a Bucket.
type S3 struct {
	// Bucket is the bucket's name.
	Bucket string

	// Path is a folder in the bucket, such as "backups/holdall". Defaults to the whole
	// bucket.
	Path string

	// Region defaults to "us-east-1".
	Region string

	// Endpoint is the service's address, such as "https://s3.eu-central-1.amazonaws.com".
	Endpoint string

	// AccessKey and Secret sign the requests.
	AccessKey, Secret string

	// ForcePathStyle names the bucket in the path of addresses, not in the host.
	ForcePathStyle bool
}

var s3Path = regexp.MustCompile(`^[A-Za-z0-9._/-]*$`)

func (c S3) validate() error {
	if c.Bucket == "" {
		return nil
	}
	var problems []error
	if address, err := url.Parse(c.Endpoint); err != nil || address.Host == "" || (address.Scheme != "https" && address.Scheme != "http") {
		problems = append(problems, fmt.Errorf("backup: S3.Endpoint must be an address such as https://s3.example.com, got %q", c.Endpoint))
	}
	if c.AccessKey == "" || c.Secret == "" {
		problems = append(problems, errors.New("backup: S3.AccessKey and S3.Secret must be set"))
	}
	if !s3Path.MatchString(c.Path) {
		problems = append(problems, fmt.Errorf("backup: S3.Path must be of letters, digits, dots, dashes and slashes, got %q", c.Path))
	}
	return errors.Join(problems...)
}

// Bounds of requests to a bucket, so that one that stalls is given up.
const (
	s3Patience = 30 * time.Second // without any progress
	s3Slowest  = 64 << 10         // bytes a second of an upload
)

// bucket is a target in S3. It uses PocketBase's client, which needs no package of
// a cloud, and reads no environment.
type bucket struct{ config S3 }

func (b bucket) name() string { return "s3" }

func (b bucket) place() string {
	return strings.TrimSuffix(b.config.Endpoint, "/") + "/" + path.Join(b.config.Bucket, strings.Trim(b.config.Path, "/"))
}

func (b bucket) key(key string) string {
	return path.Join(strings.Trim(b.config.Path, "/"), key)
}

// open returns the client for one call: PocketBase's has one context for all.
func (b bucket) open(ctx context.Context) (*filesystem.System, error) {
	c := b.config
	system, err := filesystem.NewS3(c.Bucket, cmp.Or(c.Region, "us-east-1"), c.Endpoint, c.AccessKey, c.Secret, c.ForcePathStyle)
	if err != nil {
		return nil, err
	}
	system.SetContext(ctx)
	return system, nil
}

func (b bucket) put(ctx context.Context, key string, content *spool) error {
	ctx, cancel := context.WithTimeout(ctx, s3Patience+time.Duration(content.size/s3Slowest)*time.Second)
	defer cancel()
	system, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer system.Close()
	return system.UploadFile(&filesystem.File{Reader: content, Name: "backup", OriginalName: "backup", Size: content.size}, b.key(key))
}

func (b bucket) get(ctx context.Context, key string) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	stalled := time.AfterFunc(s3Patience, cancel)
	end := func() { stalled.Stop(); cancel() }
	system, err := b.open(ctx)
	if err != nil {
		end()
		return nil, err
	}
	content, err := system.GetReader(b.key(key))
	if err != nil {
		end()
		if errors.Is(err, blob.ErrNotFound) {
			err = fs.ErrNotExist
		}
		return nil, err
	}
	return &impatient{content: content, size: content.Size(), stalled: stalled, end: end}, nil
}

// impatient gives an answer up that stalls, and tells one that ends too early.
type impatient struct {
	content io.ReadCloser
	size    int64 // as the service said, not yet read
	stalled *time.Timer
	end     func()
	once    sync.Once
}

func (r *impatient) Read(b []byte) (int, error) {
	r.stalled.Reset(s3Patience)
	n, err := r.content.Read(b)
	r.size -= int64(n)
	if errors.Is(err, io.EOF) && r.size > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (r *impatient) Close() error {
	r.once.Do(r.end)
	return r.content.Close()
}

func (b bucket) list(ctx context.Context, prefix string) ([]object, error) {
	// one page after the other, each with patience
	ctx, cancel := context.WithTimeout(ctx, 10*s3Patience)
	defer cancel()
	system, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	defer system.Close()
	full := b.key(prefix)
	if strings.HasSuffix(prefix, "/") {
		full += "/"
	}
	found, err := system.List(full)
	if err != nil {
		return nil, err
	}
	root := b.key("")
	if root != "" {
		root += "/"
	}
	objects := make([]object, 0, len(found))
	for _, f := range found {
		objects = append(objects, object{key: strings.TrimPrefix(f.Key, root), size: f.Size})
	}
	return objects, nil
}

func (b bucket) remove(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, s3Patience)
	defer cancel()
	system, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer system.Close()
	if err := system.Delete(b.key(key)); err != nil && !errors.Is(err, blob.ErrNotFound) {
		return err
	}
	return nil
}
