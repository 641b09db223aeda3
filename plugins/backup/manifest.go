package backup

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// File is an uploaded file as a manifest has it.
type File struct {
	// Path is where the file is in the app's storage, with slashes.
	Path string `json:"path"`

	// Hash is the SHA-256 of the content, and names the copy. It is empty for files
	// that the app keeps in S3: these are not copied.
	Hash string `json:"hash,omitempty"`

	// Size is in bytes.
	Size int64 `json:"size"`

	// Modified is when the file was written, in milliseconds since 1970.
	Modified int64 `json:"modified"`

	// Tag is the MD5 that S3 tells, in hexadecimal digits.
	Tag string `json:"tag,omitempty"`
}

// manifest says which files there were at a time, or what changed since the one
// before.
type manifest struct {
	// S3 says that the app kept its files in a bucket.
	S3      bool     `json:"s3,omitempty"`
	Files   []File   `json:"files,omitempty"`
	Added   []File   `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
}

// manifestKey is the time in milliseconds, whether it stands for itself, and the size
// as it is stored: what is not whole is no manifest, and its changes are in the next.
var manifestKey = regexp.MustCompile(`^manifests/(\d{13})-(full|delta)-(\d+)\.json\.gz(\.age)?$`)

// listed is a manifest that was not read yet.
type listed struct {
	key  string
	at   time.Time
	full bool
}

// manifests lists them, the oldest first.
func manifests(ctx context.Context, v *vault) ([]listed, error) {
	objects, err := v.all(ctx, "manifests/")
	if err != nil {
		return nil, fmt.Errorf("list manifests in %s: %w", v.name(), err)
	}
	var found []listed
	for _, o := range objects {
		m := manifestKey.FindStringSubmatch(o.key)
		if m == nil || m[3] != strconv.FormatInt(o.size, 10) {
			continue
		}
		ms, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			continue
		}
		found = append(found, listed{key: o.key, at: time.UnixMilli(ms).UTC(), full: m[2] == "full"})
	}
	slices.SortFunc(found, func(a, b listed) int { return strings.Compare(a.key, b.key) })
	return found, nil
}

func readManifest(ctx context.Context, v *vault, key string) (m manifest, err error) {
	err = again(ctx, func() error {
		m, err = readManifestOnce(ctx, v, key)
		return err
	})
	return m, err
}

func readManifestOnce(ctx context.Context, v *vault, key string) (manifest, error) {
	var m manifest
	content, err := v.read(ctx, key)
	if err != nil {
		return m, fmt.Errorf("read %s: %w", key, err)
	}
	defer content.Close()
	unzipped, err := gzip.NewReader(content)
	if err != nil {
		return m, fmt.Errorf("read %s: %w", key, err)
	}
	if err := json.NewDecoder(unzipped).Decode(&m); err != nil {
		return m, fmt.Errorf("read %s: %w", key, err)
	}
	// the checksum is at the end
	if _, err := io.Copy(io.Discard, unzipped); err != nil { //nolint:gosec // nothing of it is kept
		return m, fmt.Errorf("read %s: %w", key, err)
	}
	return m, nil
}

func writeManifest(ctx context.Context, v *vault, at time.Time, m manifest, full bool) error {
	kind := "delta"
	if full {
		kind = "full"
	}
	r, w := io.Pipe()
	go func() {
		zipped := gzip.NewWriter(w)
		err := json.NewEncoder(zipped).Encode(m)
		w.CloseWithError(errors.Join(err, zipped.Close()))
	}()
	defer r.Close()
	sealed, _, err := v.seal(r)
	if err != nil {
		return err
	}
	key := fmt.Sprintf("manifests/%013d-%s-%d.json.gz%s", at.UnixMilli(), kind, sealed.size, v.suffix())
	return errors.Join(v.store(ctx, key, sealed), sealed.Close())
}

// filesAt returns the files that there were at a time. A file that was there but
// noticed later is among them. inS3 says that they are not copied.
func filesAt(ctx context.Context, v *vault, at time.Time) (files map[string]File, inS3 bool, err error) {
	all, err := manifests(ctx, v)
	if err != nil {
		return nil, false, err
	}
	begin := slices.IndexFunc(all, func(l listed) bool { return l.full })
	if begin < 0 {
		return nil, false, nil // files were never backed up
	}
	for i, l := range all {
		if l.full && !l.at.After(at) {
			begin = i
		}
	}
	files = map[string]File{}
	for _, l := range all[begin:] {
		later := l.at.After(at)
		if later && l.at.Sub(at) > noticedWithin {
			break
		}
		m, err := readManifest(ctx, v, l.key)
		if err != nil {
			return nil, false, err
		}
		inS3 = m.S3
		if l.full && !later {
			clear(files)
		}
		for _, f := range slices.Concat(m.Files, m.Added) {
			if !later || f.Modified <= at.UnixMilli() {
				files[f.Path] = f
			}
		}
		if !later {
			for _, path := range m.Removed {
				delete(files, path)
			}
		}
	}
	return files, inS3, nil
}

// noticedWithin is how long after it was written a file is in a manifest at the latest.
const noticedWithin = 25 * time.Hour

// fileKey is where the copy of a file is.
func fileKey(hash string) string { return "files/" + hash[:2] + "/" + hash }

// openFile opens the copy of a file, encrypted or not.
func openFile(ctx context.Context, v *vault, hash string) (io.ReadCloser, error) {
	key := fileKey(hash)
	first, second := key+v.suffix(), key
	if v.suffix() == "" {
		second = key + encrypted
	}
	content, err := v.read(ctx, first)
	if errors.Is(err, fs.ErrNotExist) { // copied before encryption was switched
		content, err = v.read(ctx, second)
	}
	return content, err
}
