package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/litestream"
	"github.com/superfly/ltx"
)

// segments are the pieces of one database in one generation, in one target. It is
// what litestream reads and writes through. It knows all of them, so that a target
// is asked for its list once only: nobody else writes to a generation.
type segments struct {
	vault  *vault
	prefix string // of the keys, with a slash at its end

	// opened, if set, is told of the bytes of pieces as they are read.
	opened func(n int)

	mu    sync.Mutex
	known map[segmentID]segment // nil: not listed yet
}

type segmentID struct {
	level    int
	min, max ltx.TXID
}

type segment struct {
	key  string
	size int64 // before encryption
	at   time.Time
}

var _ litestream.ReplicaClient = (*segments)(nil)

// segmentKey is level, first and last transaction, time in milliseconds, size before
// encryption and as it is stored. So a list says what a request for each piece
// would, and which pieces are not whole: there are servers that keep what came of an
// upload when who sent it was killed.
var segmentKey = regexp.MustCompile(`^(\d)/([0-9a-f]{16})-([0-9a-f]{16})-(\d+)-(\d+)-(\d+)\.ltx(\.age)?$`)

func parseSegment(prefix string, o object) (segmentID, segment, bool) {
	if len(o.key) < len(prefix) {
		return segmentID{}, segment{}, false
	}
	m := segmentKey.FindStringSubmatch(o.key[len(prefix):])
	if m == nil || m[6] != strconv.FormatInt(o.size, 10) {
		return segmentID{}, segment{}, false
	}
	level, err1 := strconv.Atoi(m[1])
	low, err2 := ltx.ParseTXID(m[2])
	high, err3 := ltx.ParseTXID(m[3])
	ms, err4 := strconv.ParseInt(m[4], 10, 64)
	size, err5 := strconv.ParseInt(m[5], 10, 64)
	if errors.Join(err1, err2, err3, err4, err5) != nil {
		return segmentID{}, segment{}, false
	}
	return segmentID{level, low, high}, segment{key: o.key, size: size, at: time.UnixMilli(ms).UTC()}, true
}

// load lists the pieces, once. s.mu is held.
func (s *segments) load(ctx context.Context) error {
	if s.known != nil {
		return nil
	}
	objects, err := s.vault.all(ctx, s.prefix)
	if err != nil {
		return fmt.Errorf("list %s in %s: %w", s.prefix, s.vault.name(), err)
	}
	s.known = map[segmentID]segment{}
	for _, o := range objects {
		if id, piece, ok := parseSegment(s.prefix, o); ok {
			s.known[id] = piece
		}
	}
	return nil
}

// forget makes the next question list the pieces again.
func (s *segments) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = nil
}

// Type implements [litestream.ReplicaClient].
func (s *segments) Type() string { return s.vault.name() }

// Init implements [litestream.ReplicaClient].
func (s *segments) Init(context.Context) error { return nil }

// SetLogger implements [litestream.ReplicaClient].
func (s *segments) SetLogger(*slog.Logger) {}

// LTXFiles implements [litestream.ReplicaClient].
func (s *segments) LTXFiles(ctx context.Context, level int, seek ltx.TXID, _ bool) (ltx.FileIterator, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	times := s.times()
	var infos []*ltx.FileInfo
	for id, piece := range s.known {
		if id.level == level && id.min >= seek {
			infos = append(infos, id.info(piece, times[id]))
		}
	}
	return ltx.NewFileInfoSliceIterator(infos), nil
}

func (id segmentID) info(piece segment, at time.Time) *ltx.FileInfo {
	return &ltx.FileInfo{Level: id.level, MinTXID: id.min, MaxTXID: id.max, Size: piece.size, CreatedAt: at}
}

// times are when the pieces were written: by the clock of the machine, but none later
// than one that follows it. Otherwise a clock that was ahead for a while would cut all
// that came after it off from restores to a time. s.mu is held.
func (s *segments) times() map[segmentID]time.Time {
	ids := slices.SortedFunc(maps.Keys(s.known), func(a, b segmentID) int {
		return cmp.Or(cmp.Compare(b.max, a.max), s.known[a].at.Compare(s.known[b].at))
	})
	times := make(map[segmentID]time.Time, len(ids))
	var following time.Time
	for i, id := range ids {
		if at := s.known[id].at; i == 0 || at.Before(following) {
			following = at
		}
		times[id] = following
	}
	return times
}

// last returns the last transaction up to which there is no gap: captures are
// stored in order, and follow the first snapshot.
func (s *segments) last(ctx context.Context) (ltx.TXID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(ctx); err != nil {
		return 0, err
	}
	var last, base ltx.TXID
	for id := range s.known {
		if id.level != litestream.SnapshotLevel {
			last = max(last, id.max)
		} else if base == 0 || id.max < base {
			base = id.max
		}
	}
	return max(last, base), nil
}

// OpenLTXFile implements [litestream.ReplicaClient].
func (s *segments) OpenLTXFile(ctx context.Context, level int, minTXID, maxTXID ltx.TXID, offset, size int64) (io.ReadCloser, error) {
	s.mu.Lock()
	err := s.load(ctx)
	piece, ok := s.known[segmentID{level, minTXID, maxTXID}]
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("open piece %d of %s to %s: %w", level, minTXID, maxTXID, fs.ErrNotExist)
	}
	content, err := s.vault.read(ctx, piece.key)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			s.forget() // it is out of date: the server has put pieces together
		}
		return nil, fmt.Errorf("open %s: %w", piece.key, err)
	}
	if offset > 0 {
		// pieces are read from their beginning, but after a broken connection
		if _, err := io.CopyN(io.Discard, content, offset); err != nil {
			return nil, errors.Join(fmt.Errorf("skip to %d of %s: %w", offset, piece.key, err), content.Close())
		}
	}
	var r io.Reader = content
	if size > 0 {
		r = io.LimitReader(r, size)
	}
	if s.opened != nil {
		r = counting{r, s.opened}
	}
	return readCloser{r, content}, nil
}

type counting struct {
	io.Reader
	tell func(n int)
}

func (c counting) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.tell(n)
	return n, err
}

// WriteLTXFile implements [litestream.ReplicaClient].
func (s *segments) WriteLTXFile(ctx context.Context, level int, minTXID, maxTXID ltx.TXID, content io.Reader) (*ltx.FileInfo, error) {
	header, content, err := ltx.PeekHeader(content)
	if err != nil {
		return nil, fmt.Errorf("read the header of a piece: %w", err)
	}
	sealed, size, err := s.vault.seal(content)
	if err != nil {
		return nil, err
	}
	defer sealed.Close()
	key := fmt.Sprintf("%s%d/%s-%s-%d-%d-%d.ltx%s", s.prefix, level, minTXID, maxTXID, header.Timestamp, size, sealed.size, s.vault.suffix())
	if err := s.vault.store(ctx, key, sealed); err != nil {
		return nil, fmt.Errorf("store %s in %s: %w", key, s.vault.name(), err)
	}
	id, piece := segmentID{level, minTXID, maxTXID}, segment{key: key, size: size, at: time.UnixMilli(header.Timestamp).UTC()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known != nil {
		s.known[id] = piece
	}
	return id.info(piece, piece.at), nil
}

// DeleteLTXFiles implements [litestream.ReplicaClient].
func (s *segments) DeleteLTXFiles(ctx context.Context, infos []*ltx.FileInfo) error {
	for _, info := range infos {
		id := segmentID{info.Level, info.MinTXID, info.MaxTXID}
		s.mu.Lock()
		piece, ok := s.known[id]
		s.mu.Unlock()
		if !ok {
			continue
		}
		if err := s.vault.remove(ctx, piece.key); err != nil {
			return fmt.Errorf("remove %s from %s: %w", piece.key, s.vault.name(), err)
		}
		s.mu.Lock()
		delete(s.known, id)
		s.mu.Unlock()
	}
	return nil
}

// DeleteAll implements [litestream.ReplicaClient]. Nothing of ours asks for it.
func (s *segments) DeleteAll(context.Context) error { return errors.ErrUnsupported }

// span returns the time of the first snapshot and of the last piece. Between them
// the database can be restored. ok is false without a snapshot.
func (s *segments) span(ctx context.Context) (from, to time.Time, size int64, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(ctx); err != nil {
		return from, to, 0, false, err
	}
	for id, at := range s.times() {
		size += s.known[id].size
		if id.level == litestream.SnapshotLevel && (!ok || at.Before(from)) {
			from, ok = at, true
		}
		if at.After(to) {
			to = at
		}
	}
	return from, to, size, ok, nil
}

// local stands for a target in litestream's own view of a database, which then
// needs no network. It holds what the database has and keeps nothing: shipping is
// up to the lanes.
type local struct{ db *litestream.DB }

var _ litestream.ReplicaClient = local{}

func (local) Type() string               { return "local" }
func (local) Init(context.Context) error { return nil }
func (local) SetLogger(*slog.Logger)     {}

func (l local) LTXFiles(_ context.Context, level int, _ ltx.TXID, _ bool) (ltx.FileIterator, error) {
	pos, err := l.db.Pos()
	if err != nil || pos.TXID == 0 || level != 0 {
		return ltx.NewFileInfoSliceIterator(nil), err
	}
	return ltx.NewFileInfoSliceIterator([]*ltx.FileInfo{{MinTXID: pos.TXID, MaxTXID: pos.TXID}}), nil
}

func (local) OpenLTXFile(context.Context, int, ltx.TXID, ltx.TXID, int64, int64) (io.ReadCloser, error) {
	return nil, fs.ErrNotExist
}

func (local) WriteLTXFile(_ context.Context, level int, low, high ltx.TXID, content io.Reader) (*ltx.FileInfo, error) {
	_, err := io.Copy(io.Discard, content)
	return &ltx.FileInfo{Level: level, MinTXID: low, MaxTXID: high}, err
}

func (local) DeleteLTXFiles(context.Context, []*ltx.FileInfo) error { return nil }
func (local) DeleteAll(context.Context) error                       { return nil }

// generations lists those of a database in a target, the oldest first.
func generations(ctx context.Context, v *vault, database string) ([]*segments, error) {
	prefix := "db/" + database + "/"
	objects, err := v.all(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("list %s in %s: %w", prefix, v.name(), err)
	}
	byPrefix := map[string]*segments{}
	var found []*segments
	for _, o := range objects {
		m := generationKey.FindString(o.key)
		if m == "" {
			continue
		}
		s := byPrefix[m]
		if s == nil {
			s = &segments{vault: v, prefix: m, known: map[segmentID]segment{}}
			byPrefix[m], found = s, append(found, s)
		}
		if id, piece, ok := parseSegment(m, o); ok {
			s.known[id] = piece
		}
	}
	slices.SortFunc(found, func(a, b *segments) int { return strings.Compare(a.prefix, b.prefix) })
	return found, nil
}

var generationKey = regexp.MustCompile(`^db/[^/]+/\d{8}T\d{6}\.\d{3}Z-[a-z0-9]+/`)

func everyPiece(*ltx.FileInfo) (bool, error) { return true, nil }
