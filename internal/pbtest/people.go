package pbtest

import (
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"golang.org/x/crypto/bcrypt"
)

// Password is the password of every record that [User] and [Superuser] make.
const Password = "correct horse battery staple"

// passwordHash is the hash of [Password] at the lowest cost, made once, so that
// neither making a user nor signing one in costs the usual tenth of a second.
var passwordHash = func() string {
	hash, err := bcrypt.GenerateFromPassword([]byte(Password), bcrypt.MinCost)
	if err != nil {
		panic(err) // only for a cost or length that is out of range
	}
	return string(hash)
}()

// User saves a record of an auth collection and returns it with a token that
// signs it in. It is verified, its password is [Password], and its email is
// random; fields overrides any of it and gives the rest, and may be nil.
func User(tb testing.TB, app core.App, collection string, fields map[string]any) (record *core.Record, token string) {
	tb.Helper()

	target, err := app.FindCollectionByNameOrId(collection)
	if err != nil {
		tb.Fatalf("find collection %s: %v", collection, err)
	}
	record = core.NewRecord(target)
	record.SetEmail("user-" + security.PseudorandomString(10) + "@example.com")
	record.SetVerified(true)
	record.Load(fields)
	if _, own := fields[core.FieldNamePassword]; !own {
		record.SetRaw(core.FieldNamePassword, &core.PasswordFieldValue{Hash: passwordHash})
	}
	if err := app.Save(record); err != nil {
		tb.Fatalf("save a record of %s: %v", collection, err)
	}
	return record, Token(tb, record)
}

// Superuser saves a superuser and returns a token that signs it in.
func Superuser(tb testing.TB, app core.App) (token string) {
	tb.Helper()
	_, token = User(tb, app, core.CollectionNameSuperusers, nil)
	return token
}

// Token returns a token that signs the auth record in.
func Token(tb testing.TB, record *core.Record) string {
	tb.Helper()
	token, err := record.NewAuthToken()
	if err != nil {
		tb.Fatalf("sign a token of %s/%s: %v", record.Collection().Name, record.Id, err)
	}
	return token
}

// FastPasswords lowers the cost of hashing passwords in all auth collections
// to the minimum, for tests that sign up or change passwords. It changes the
// stored schema, so it has no place in tests about schemas. Pass it to [New]
// or [NewTemplate] after what creates the collections.
func FastPasswords(app core.App) error {
	collections, err := app.FindAllCollections(core.CollectionTypeAuth)
	if err != nil {
		return err
	}
	for _, c := range collections {
		field, ok := c.Fields.GetByName(core.FieldNamePassword).(*core.PasswordField)
		if !ok || field.Cost == bcrypt.MinCost {
			continue
		}
		field.Cost = bcrypt.MinCost
		if err := app.Save(c); err != nil {
			return err
		}
	}
	return nil
}
