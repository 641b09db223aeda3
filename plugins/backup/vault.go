package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"filippo.io/age"
)

// vault is a target with encryption on this side of it.
type vault struct {
	target
	scratch    string          // where spools may take files
	recipients []age.Recipient // none: nothing is encrypted
	identities []age.Identity  // for what is encrypted
}

// encrypted is the end of keys of what is encrypted.
const encrypted = ".age"

// parseRecipients reads public keys of age.
func parseRecipients(keys []string) ([]age.Recipient, error) {
	var recipients []age.Recipient
	var problems []error
	for _, key := range keys {
		parsed, err := age.ParseRecipients(strings.NewReader(key))
		if err != nil {
			problems = append(problems, fmt.Errorf("backup: Recipients must be public keys of age such as age1…, got %q", key))
			continue
		}
		recipients = append(recipients, parsed...)
	}
	return recipients, errors.Join(problems...)
}

// parseIdentity reads secret keys of age, one a line.
func parseIdentity(keys string) ([]age.Identity, error) {
	if strings.TrimSpace(keys) == "" {
		return nil, nil
	}
	identities, err := age.ParseIdentities(strings.NewReader(keys))
	if err != nil {
		return nil, errors.New("backup: Identity must be a secret key of age such as AGE-SECRET-KEY-1…") // and is not repeated
	}
	return identities, nil
}

// seal reads content to its end into a spool, encrypted if there is somebody to
// encrypt for. It returns how much it has read.
func (v *vault) seal(content io.Reader) (sealed *spool, size int64, err error) {
	sealed = newSpool(v.scratch)
	defer func() {
		if err != nil {
			err = errors.Join(err, sealed.Close())
			sealed = nil
		}
	}()
	if len(v.recipients) == 0 {
		size, err = io.Copy(sealed, content)
		return sealed, size, err
	}
	w, err := age.Encrypt(sealed, v.recipients...)
	if err != nil {
		return sealed, 0, fmt.Errorf("encrypt: %w", err)
	}
	size, err = io.Copy(w, content)
	return sealed, size, errors.Join(err, w.Close())
}

// suffix is what keys of new objects end in.
func (v *vault) suffix() string {
	if len(v.recipients) == 0 {
		return ""
	}
	return encrypted
}

// write stores content under key and what its suffix is.
func (v *vault) write(ctx context.Context, key string, content io.Reader) error {
	sealed, _, err := v.seal(content)
	if err != nil {
		return err
	}
	return errors.Join(v.store(ctx, key+v.suffix(), sealed), sealed.Close())
}

// store puts what is sealed under the whole key.
func (v *vault) store(ctx context.Context, key string, sealed *spool) error {
	return again(ctx, func() error { return v.put(ctx, key, sealed) })
}

// ErrLocked is returned for what is encrypted when there is no Identity to
// decrypt it with.
var ErrLocked = errors.New("the backup is encrypted, and the identity to decrypt it with is not configured")

// read opens what is stored under the whole key, decrypted.
func (v *vault) read(ctx context.Context, key string) (io.ReadCloser, error) {
	var content io.ReadCloser
	err := again(ctx, func() (err error) {
		content, err = v.get(ctx, key)
		return err
	})
	if err != nil || !strings.HasSuffix(key, encrypted) {
		return content, err
	}
	if len(v.identities) == 0 {
		return nil, errors.Join(ErrLocked, content.Close())
	}
	plain, err := age.Decrypt(content, v.identities...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("decrypt %s: %w", key, err), content.Close())
	}
	return readCloser{plain, content}, nil
}

// all lists what is stored under a prefix.
func (v *vault) all(ctx context.Context, prefix string) (objects []object, err error) {
	err = again(ctx, func() (err error) {
		objects, err = v.list(ctx, prefix)
		return err
	})
	return objects, err
}

// again does something up to three times, unless there is nothing to be had.
func again(ctx context.Context, do func() error) error {
	var err error
	for pause := 200 * time.Millisecond; ; pause *= 3 {
		if err = do(); err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrLocked) || pause > 2*time.Second {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

type readCloser struct {
	io.Reader
	io.Closer
}
