package fastlane

import (
	lru "container/list"
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// cache keeps answers for as long as nobody commits anything to the database. It is
// asked when all is decided that is decided without it: who asks is known in this state,
// no handler would see the request, the plan is that of the collections as they are now.
type cache struct {
	limit int64 // bytes
	seed  maphash.Seed

	mu      sync.Mutex
	at      moment // of all answers
	moments uint64 // how many there were
	answers map[answerKey]*lru.Element
	used    *lru.List // of *answer, the last one first
	bytes   int64
	asked   []uint64 // see askedBefore
}

// answerKey is all that an answer depends on but the rows.
type answerKey struct {
	plan               *plan // of these collections, this kind of caller and this shape of request
	callerID, recordID string
	path, query        string // as they were sent
}

// answer is one that is kept.
type answer struct {
	key  answerKey
	body []byte
	tag  string // "" without tags
	// related are the plans that it was made by besides that of the key.
	related []relatedPlan
}

// relatedPlan is a plan with its key.
type relatedPlan struct {
	key  planKey
	plan *plan
}

const (
	// largestShare is which part of the cache an answer may take at most.
	largestShare = 8

	// answerOverhead is about what an answer takes besides its texts, in bytes.
	answerOverhead = 512

	// askedPlaces is for how many requests the cache remembers that they were made once.
	askedPlaces = 1 << 14
)

// newCache returns a cache of that many bytes, nil for none.
func newCache(limit int64) *cache {
	if limit == 0 {
		return nil
	}
	return &cache{
		limit: limit, seed: maphash.MakeSeed(), answers: map[answerKey]*lru.Element{}, used: lru.New(), asked: make([]uint64, askedPlaces),
	}
}

// size is how much of the cache an answer takes.
func (a *answer) size() int64 {
	k := &a.key
	return int64(len(a.body)+len(a.tag)+len(k.callerID)+len(k.recordID)+len(k.path)+len(k.query)) + answerOverhead
}

// find returns the answer that is kept, or whether it is to be kept once it is made: that
// is when it was asked for before, in the same state.
func (k *cache) find(key answerKey, at moment) (kept *answer, wanted bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.at != at {
		k.forget()
		k.at = at
		k.moments++
	}
	if element, ok := k.answers[key]; ok {
		k.used.MoveToFront(element)
		return element.Value.(*answer), false
	}
	return nil, k.askedBefore(key)
}

// forget drops all answers.
func (k *cache) forget() {
	if len(k.answers) > 0 {
		k.answers, k.bytes = map[answerKey]*lru.Element{}, 0
		k.used.Init()
	}
}

// askedBefore tells whether a key was asked for since the last commit, and remembers it.
// It may say so for one that was not, and may have forgotten one.
func (k *cache) askedBefore(key answerKey) bool {
	const spread = 0x9e3779b97f4a7c15 // an odd number: each moment has marks of its own
	hash := maphash.Comparable(k.seed, key)
	place, mark := &k.asked[hash%askedPlaces], hash+k.moments*spread
	if *place == mark {
		return true
	}
	*place = mark
	return false
}

// keep keeps an answer that was made in the state of a moment.
func (k *cache) keep(a *answer, at moment) {
	size := a.size()
	if size > k.limit/largestShare {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.at != at || k.answers[a.key] != nil {
		return
	}
	for k.bytes+size > k.limit {
		last := k.used.Remove(k.used.Back()).(*answer)
		delete(k.answers, last.key)
		k.bytes -= last.size()
	}
	k.answers[a.key] = k.used.PushFront(a)
	k.bytes += size
}

// held is how much is kept.
func (k *cache) held() (answers int, bytes int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.answers), k.bytes
}

// content is what a request is answered with. It has no body if there is no such record.
type content struct {
	body []byte
	tag  string
}

// content returns the answer, from the cache or the database.
func (c *call) content(e *core.RequestEvent, a action, w *workspace) (content, Reason) {
	if c.plugin.cache == nil || c.fleeting || c.asksTime() {
		return c.fresh(a, w)
	}
	at := momentOf(c.db.DB())
	if !at.state.Known() {
		return c.fresh(a, w)
	}
	key := c.answerKey(e)
	broken := &c.plugin.ablation
	asked := at
	if broken.anyState {
		asked.state = sqlite.State{}
	}
	kept, wanted := c.plugin.cache.find(key, asked)
	if kept != nil && kept.stands() {
		c.plugin.counts[a].kept.Add(1)
		return content{kept.body, kept.tag}, ""
	}
	made, reason := c.fresh(a, w)
	if !wanted || reason != "" || made.body == nil || c.fleeting {
		return made, reason
	}
	if c.plugin.config.ETags {
		made.tag = tagOf(made.body)
	}
	// all rows were read in one state if it is still the same
	if broken.anyState || momentOf(at.db) == at {
		c.plugin.cache.keep(&answer{key.clone(), append([]byte(nil), made.body...), made.tag, c.relatedBy}, asked)
	}
	return made, reason
}

// fresh reads the answer from the database.
func (c *call) fresh(a action, w *workspace) (content, Reason) {
	found, reason := true, Reason("")
	if a == view {
		found, reason = c.view(w)
	} else {
		reason = c.list(w)
	}
	if reason != "" || !found {
		return content{}, reason
	}
	return content{body: w.out}, ""
}

func (c *call) answerKey(e *core.RequestEvent) answerKey {
	key := answerKey{c.plan, c.values.callerID, c.values.recordID, e.Request.URL.EscapedPath(), e.Request.URL.RawQuery}
	if c.plugin.ablation.anyCaller {
		key.callerID = ""
	}
	if c.plugin.ablation.anyPlan {
		key.plan = nil
	}
	return key
}

// clone is the key in memory of its own.
func (k answerKey) clone() answerKey {
	return answerKey{k.plan, strings.Clone(k.callerID), strings.Clone(k.recordID), strings.Clone(k.path), strings.Clone(k.query)}
}

// note notes a plan that the answer is made by.
func (c *call) note(key planKey, p *plan) {
	if c.plugin.cache == nil || p.reason != "" {
		return
	}
	if !p.lasts() && !c.plugin.ablation.anyTime {
		c.fleeting = true
	}
	if key.action == related {
		c.relatedBy = append(c.relatedBy, relatedPlan{key, p})
	}
}

// asksTime tells whether the filter speaks of the time.
func (c *call) asksTime() bool {
	return !c.plugin.ablation.anyTime && slices.ContainsFunc(c.values.literals, func(literal any) bool {
		_, is := literal.(macro)
		return is
	})
}

// stands tells whether the rules of related records are those that the answer was made
// by, which [call.planOf] looks at when it is not kept.
func (a *answer) stands() bool {
	for _, r := range a.related {
		if rule := r.key.rule(); rule == nil || *rule != r.plan.rule {
			return false
		}
	}
	return true
}

// lasts tells whether the plan finds the same rows for as long as nothing is committed.
func (p *plan) lasts() bool {
	return (p.rows == nil || !p.rows.fleeting) && (p.count == nil || !p.count.fleeting)
}

// timeless are what may be in front of a parenthesis in the queries that PocketBase
// makes, of which what comes out depends on the arguments only. Of strftime it does not:
// it takes "now", also from a column.
var timeless = func() map[string]bool {
	words := map[string]bool{}
	for _, word := range strings.Fields(`
		SELECT DISTINCT FROM JOIN ON WHERE IN EXISTS NOT AND OR IS LIKE BY CASE WHEN THEN ELSE AS
		COUNT COALESCE IIF LOWER JSON_VALID JSON_TYPE JSON_EACH JSON_EXTRACT JSON_ARRAY JSON_OBJECT JSON_ARRAY_LENGTH
		ACOS COS SIN RADIANS
	`) {
		words[word] = true
	}
	return words
}()

// isFleeting tells whether the rows of a query may be others at another time: it has the
// time among its arguments, or something in it that is not known.
func (s *statement) isFleeting() bool {
	for i := range s.arguments {
		if _, is := s.arguments[i].value.(macro); is {
			return true
		}
	}
	for i := 0; i < len(s.text); {
		switch c := s.text[i]; {
		case c == '\'' || c == '"' || c == '`':
			end := strings.IndexByte(s.text[i+1:], c) // one that is doubled begins another
			if end < 0 {
				return true
			}
			i += end + 2
		case c == '-' && strings.HasPrefix(s.text[i:], "--"), c == '/' && strings.HasPrefix(s.text[i:], "/*"), c == '[':
			return true
		case isNameStart(c):
			end := i + 1
			for end < len(s.text) && (isNameStart(s.text[end]) || isDigit(s.text[end])) {
				end++
			}
			word := strings.ToUpper(s.text[i:end])
			if strings.HasPrefix(word, "CURRENT_") || strings.HasPrefix(strings.TrimLeft(s.text[end:], " \t\r\n"), "(") && !timeless[word] {
				return true
			}
			i = end
		default:
			i++
		}
	}
	return false
}
