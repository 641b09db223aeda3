// Package demo fills an app with a believable data set: two organizations,
// fourteen people, forty sites and six hundred work orders around the present
// moment, with notes, photos and signatures. The same seed and moment give the
// same data, apart from its secrets.
//
//	result, err := demo.Seed(app, demo.Config{})
//
// All accounts have the password [Password], so the data belongs on a
// developer's machine: [Guard] and [Register] refuse to serve it elsewhere.
package demo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// Password is the password of every demo account.
const Password = "holdall-demo"

// SuperuserEmail is the address of the superuser that the demo creates where
// there is none yet.
const SuperuserEmail = "admin@demo.example"

// RoleSuperuser is the role of the superuser among the [Result.Accounts].
const RoleSuperuser = "superuser"

var (
	// ErrOtherData is returned by [Seed] when the database has organizations
	// that the demo did not create, and [Config.Force] is not set.
	ErrOtherData = errors.New("the database has organizations of its own")

	// ErrNotSeeded is returned by [Remove] when there is no demo data.
	ErrNotSeeded = errors.New("there is no demo data")

	// ErrInUse is returned by [Remove] when other data refers to the demo's,
	// such as a demo person who has joined another organization.
	ErrInUse = errors.New("other data refers to the demo data")
)

// Config are the options of [Seed], [Register] and [Guard]. The zero value works.
type Config struct {
	// Seed selects the data set. Defaults to 1.
	Seed uint64
	// Now is the moment that the data lies around. Defaults to the present.
	Now time.Time
	// Force adds the demo data beside organizations that are already there.
	Force bool
	// AllowPublic lets the demo data be served where other machines may reach it,
	// although everybody knows its passwords.
	AllowPublic bool
	// Output receives the progress and, from [Register], the sign-ins.
	// Defaults to the standard error stream; [io.Discard] silences it.
	Output io.Writer

	withoutImages bool // for tests of the records
}

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	if c.Seed == 0 {
		c.Seed = 1
	}
	if c.Now.IsZero() {
		c.Now = time.Now()
	}
	if c.Output == nil {
		c.Output = os.Stderr
	}
	return c
}

// Account is a sign-in of the demo: one membership of one person, or the superuser.
type Account struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Name     string `json:"name"`
	Role     string `json:"role"`
	// Organization is the name of the organization, empty for the superuser.
	Organization string `json:"organization"`
}

// Result tells what [Seed] did.
type Result struct {
	// Created is false when the data was there already, and nothing was changed.
	Created bool `json:"created"`
	// SeededAt is the moment that the data lies around.
	SeededAt time.Time `json:"seededAt"`
	// Records counts the created records by collection.
	Records map[string]int `json:"records"`
	// Files is the number of created images.
	Files int `json:"files"`
	// Accounts are the sign-ins as they were created.
	Accounts []Account `json:"accounts"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
}

// Seed writes the demo data into an app whose migrations have run, all of it or
// nothing. When it is there already, whatever became of it, nothing is changed.
//
// The records are written without hooks and without the change being announced
// by realtime, as a restored backup would be.
func Seed(app core.App, config Config) (Result, error) {
	began := time.Now()
	config = config.withDefaults()

	found, err := findMark(app)
	if err != nil {
		return Result{}, fmt.Errorf("demo: look for earlier demo data: %w", err)
	}
	if found != nil {
		return Result{SeededAt: found.SeededAt, Accounts: accounts(found.Superuser != ""), Records: map[string]int{}}, nil
	}
	if err := checkTarget(app, config); err != nil {
		return Result{}, fmt.Errorf("demo: %w", err)
	}

	set, err := plan(config.Seed, config.Now)
	if err != nil {
		return Result{}, fmt.Errorf("demo: %w", err)
	}
	result, err := newWriter(app, config, set).write()
	if err != nil {
		return Result{}, fmt.Errorf("demo: %w", err)
	}
	result.Seconds = time.Since(began).Seconds()
	return result, nil
}

// accounts lists the sign-ins, organization by organization.
func accounts(withSuperuser bool) []Account {
	var list []Account
	for _, c := range companies() {
		for _, e := range c.staff {
			list = append(list, Account{Email: e.email, Password: Password, Name: e.name, Role: e.role, Organization: c.name})
		}
	}
	if withSuperuser {
		list = append(list, Account{Email: SuperuserEmail, Password: Password, Name: "Dashboard", Role: RoleSuperuser})
	}
	return list
}
