package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// realtime is the load of records that subscribers wait for. One operation is
// one created record that has reached all of them.
type realtime struct {
	creator *requests
	streams []*conn
	arrived chan error // one value per event and subscriber, or what ended a stream
	readers sync.WaitGroup
}

func openRealtime(ctx context.Context, address string, f *fixture) (load, error) {
	creator, err := connect(ctx, address, 1, func(n uint64) []byte {
		return send(f, "POST", "/api/collections/sites/records", `{"organization":%q,"name":"Realtime %d"}`, f.organization, n)
	})
	if err != nil {
		return nil, err
	}
	// the buffer lets streams end while nobody waits
	l := &realtime{creator: creator, arrived: make(chan error, 2*subscribers)}
	for range subscribers {
		if err := l.subscribe(ctx, address, f); err != nil {
			return nil, errors.Join(fmt.Errorf("subscribe: %w", err), l.close())
		}
	}
	return l, nil
}

// subscribe opens a stream of the sites' changes and reads it from then on.
func (l *realtime) subscribe(ctx context.Context, address string, f *fixture) error {
	stream, err := dial(ctx, address)
	if err != nil {
		return err
	}
	l.streams = append(l.streams, stream)
	if _, err := stream.Write(encode("GET", "/api/realtime", "", nil)); err != nil {
		return err
	}
	response, err := http.ReadResponse(stream.reader, nil)
	if err != nil {
		return err
	}
	events := bufio.NewReader(response.Body)
	client, err := clientID(events)
	if err != nil {
		return errors.Join(err, response.Body.Close())
	}

	body, err := json.Marshal(map[string]any{"clientId": client, "subscriptions": []string{"sites/*"}})
	if err != nil {
		return err
	}
	if err := l.creator.conns[0].do(encode("POST", "/api/realtime", f.token, body)); err != nil {
		return err
	}
	l.readers.Go(func() {
		defer response.Body.Close()
		for {
			line, err := events.ReadSlice('\n')
			if err != nil {
				l.arrived <- err
				return
			}
			if bytes.HasPrefix(line, []byte("data:")) {
				l.arrived <- nil
			}
		}
	})
	return nil
}

// clientID reads the first event of a stream.
func clientID(events *bufio.Reader) (string, error) {
	for {
		line, err := events.ReadString('\n')
		if err != nil {
			return "", err
		}
		data, ok := strings.CutPrefix(line, "data:")
		if !ok {
			continue
		}
		var hello struct {
			ClientID string `json:"clientId"`
		}
		if err := json.Unmarshal([]byte(data), &hello); err != nil {
			return "", err
		}
		return hello.ClientID, nil
	}
}

func (l *realtime) run(ctx context.Context, n int) ([]time.Duration, error) {
	var taken []time.Duration
	for range n {
		if ctx.Err() != nil {
			return taken, nil
		}
		began := time.Now()
		if _, err := l.creator.run(ctx, 1); err != nil {
			return nil, err
		}
		late := time.NewTimer(requestTimeout)
		for range subscribers {
			select {
			case err := <-l.arrived:
				if err != nil {
					return nil, fmt.Errorf("a stream ended: %w", err)
				}
			case <-late.C:
				return nil, errors.New("an event did not reach all subscribers")
			}
		}
		late.Stop()
		taken = append(taken, time.Since(began))
	}
	return taken, nil
}

func (l *realtime) close() error {
	err := l.creator.close()
	for _, s := range l.streams {
		err = errors.Join(err, s.Close())
	}
	l.readers.Wait()
	return err
}
