package channels

import (
	"strings"
	"sync"

	"github.com/centrifugal/centrifuge"
)

// roster has the clients of each channel, by group: the rooms of one collection
// are a group, and each other namespace is.
type roster struct {
	mu       sync.Mutex
	channels map[string]map[string]map[*centrifuge.Client]struct{}
}

// groupOf names the group of a channel.
func groupOf(channel string) string {
	name, _, _ := strings.Cut(channel, ":")
	if name != namespaceRoom {
		return name
	}
	collection, _, _ := recordOf(channel)
	return roomGroup(collection)
}

func roomGroup(collection string) string { return namespaceRoom + ":" + collection }

func (r *roster) add(channel string, client *centrifuge.Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	group := groupOf(channel)
	if r.channels[group] == nil {
		r.channels[group] = map[string]map[*centrifuge.Client]struct{}{}
	}
	if r.channels[group][channel] == nil {
		r.channels[group][channel] = map[*centrifuge.Client]struct{}{}
	}
	r.channels[group][channel][client] = struct{}{}
}

func (r *roster) remove(channel string, client *centrifuge.Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	group := groupOf(channel)
	delete(r.channels[group][channel], client)
	if len(r.channels[group][channel]) == 0 {
		delete(r.channels[group], channel)
	}
	if len(r.channels[group]) == 0 {
		delete(r.channels, group)
	}
}

// groups lists the groups that have somebody in them.
func (r *roster) groups() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, 0, len(r.channels))
	for name := range r.channels {
		names = append(names, name)
	}
	return names
}

// channelsOf lists the channels of a group that have somebody in them.
func (r *roster) channelsOf(group string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, 0, len(r.channels[group]))
	for name := range r.channels[group] {
		names = append(names, name)
	}
	return names
}

// clients lists who is in a channel, or about to be.
func (r *roster) clients(channel string) []*centrifuge.Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	in := r.channels[groupOf(channel)][channel]
	clients := make([]*centrifuge.Client, 0, len(in))
	for client := range in {
		clients = append(clients, client)
	}
	return clients
}
