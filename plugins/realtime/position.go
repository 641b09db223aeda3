package realtime

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// How a connection asks for positions and says where it was: a query parameter,
// a header, and the one that an EventSource sends by itself.
const (
	resumeOption      = "resume"
	resumeHeader      = "X-Realtime-Resume"
	lastEventIDHeader = "Last-Event-ID"

	positionMark  = "~" // between the random part of a client's id and a position
	positionEvent = "PB_POSITION"
)

// resumption tells whether a request asks for positions, and after which one it
// wants to go on, 0 if it names none.
func resumption(r *http.Request) (asked bool, at mark) {
	option := r.URL.Query().Get(resumeOption)
	if option == "" {
		option = r.Header.Get(resumeHeader)
	}
	if option == "" || option == "false" || option == "0" {
		return false, mark{}
	}
	// the header is newer: an EventSource calls the same address again
	if last := r.Header.Get(lastEventIDHeader); last != "" {
		return true, parseMark(last)
	}
	if option == "true" || option == "1" {
		return true, mark{}
	}
	return true, parseMark(option)
}

// mark is a position as clients hold it: with a signature, which says that it was
// given to this caller for these subscriptions. It cannot be checked before the
// client says again who it is and what it wants.
type mark struct {
	position  int64
	signature string
}

// unknownMark is at a position that no log has, so that the client is told to reset.
var unknownMark = mark{position: 2}

// String is the mark as it is in the id of an event.
func (m mark) String() string {
	return strconv.FormatInt(m.position, 10) + "." + m.signature
}

// parseMark reads the id of an event: a mark, or a client's id with one.
func parseMark(id string) mark {
	if i := strings.LastIndex(id, positionMark); i >= 0 {
		id = id[i+len(positionMark):]
	}
	text, signature, _ := strings.Cut(id, ".")
	at, err := strconv.ParseInt(text, 10, 64)
	if _, bad := hex.DecodeString(signature); err != nil || at <= 0 || bad != nil || len(signature) != 2*signatureSize {
		return unknownMark
	}
	return mark{at, signature}
}

// positions signs positions, so that clients can only name those that they were
// given. Otherwise anybody who may see a record could have its past, by asking to
// go on from where they never were, and so could whoever listened as somebody
// else, or to something else.
type positions struct{ key []byte }

const signatureSize = 12 // bytes

// positions returns what signs positions. The key is as secret and lasting as that
// of the tokens of superusers.
func (p *Plugin) positions() (positions, error) {
	superusers, err := p.app.FindCachedCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return positions{}, fmt.Errorf("find the key of positions: %w", err)
	}
	key := sha256.Sum256([]byte("realtime positions " + superusers.AuthToken.Secret))
	return positions{key[:]}, nil
}

// mark signs a position.
func (p positions) mark(at int64, binding string) mark {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(strconv.FormatInt(at, 10) + " " + binding))
	return mark{at, hex.EncodeToString(mac.Sum(nil)[:signatureSize])}
}

// gave tells whether a mark is one that was given out.
func (p positions) gave(m mark, binding string) bool {
	return hmac.Equal([]byte(m.signature), []byte(p.mark(m.position, binding).signature))
}

// bindingOf is what a position is bound to: a caller and all of its subscriptions.
func bindingOf(who callerKey, subs []string) string {
	subs = slices.Clone(subs)
	slices.Sort(subs)
	subs = slices.DeleteFunc(slices.Compact(subs), func(raw string) bool { return raw == "" })
	sum := sha256.Sum256([]byte(who.collection + "\n" + who.id + "\n" + strings.Join(subs, "\n")))
	return string(sum[:])
}

// rebind binds the positions that are queued from now on to who the client is and
// what it listens to. The locks of the hub and of the client are held.
func (c *client) rebind() {
	if !c.positions {
		return
	}
	subs := make([]string, len(c.members))
	for i, m := range c.members {
		subs[i] = m.spec.raw
	}
	c.binding = bindingOf(c.caller.callerKey, subs)
}
