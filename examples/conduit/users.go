package main

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/ozzo-validation/v4/is"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/examples/conduit/collections"
)

// userAnswer is the caller's own account.
type userAnswer struct {
	Email    string  `json:"email"`
	Token    string  `json:"token"`
	Username string  `json:"username"`
	Bio      *string `json:"bio"`
	Image    *string `json:"image"`
}

// answerUser sends the account with a new token, which is good for as long as
// the users collection says.
func answerUser(e *core.RequestEvent, status int, user *collections.User) error {
	token, err := user.NewAuthToken()
	if err != nil {
		return fmt.Errorf("sign a token: %w", err)
	}
	return e.JSON(status, map[string]userAnswer{"user": {
		Email:    user.Email(),
		Token:    token,
		Username: user.Username(),
		Bio:      orNull(user.Bio()),
		Image:    orNull(user.Image()),
	}})
}

// orNull is text, or nil for none: the contract knows no empty bio or image.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// The rules of what users say of themselves.
var (
	usernameRules = []validation.Rule{notBlank, maxLength(collections.MaxUsername)}
	emailRules    = []validation.Rule{notBlank, maxLength(collections.MaxEmail), is.EmailFormat.Error(messageInvalid)}
	passwordRules = []validation.Rule{
		validation.Required.Error(messageBlank),
		validation.RuneLength(collections.MinPassword, 0).
			Error(fmt.Sprintf("is too short (minimum is %d characters)", collections.MinPassword)),
		validation.Length(0, collections.MaxPassword).
			Error(fmt.Sprintf("is too long (maximum is %d bytes)", collections.MaxPassword)),
	}
)

// newUser is the body of [createUser].
type newUser struct {
	Username field[string] `json:"username"`
	Email    field[string] `json:"email"`
	Password field[string] `json:"password"`
}

func (n newUser) validate() validation.Errors {
	return validation.Errors{
		"username": n.Username.required(usernameRules...),
		"email":    n.Email.required(emailRules...),
		"password": n.Password.required(passwordRules...),
	}
}

// createUser registers an account: POST /users.
func createUser(e *core.RequestEvent) error {
	input, err := decode[newUser](e, "user")
	if err != nil {
		return err
	}
	user, err := collections.NewUser(e.App)
	if err != nil {
		return err
	}
	user.SetUsername(input.Username.value)
	user.SetEmail(input.Email.value)
	user.SetPassword(input.Password.value)
	if err := e.App.Save(user); err != nil {
		return fmt.Errorf("create a user: %w", err)
	}
	return answerUser(e, http.StatusCreated, user)
}

// credentials are the body of [logIn].
type credentials struct {
	Email    field[string] `json:"email"`
	Password field[string] `json:"password"`
}

func (c credentials) validate() validation.Errors {
	return validation.Errors{
		"email":    c.Email.required(notBlank),
		"password": c.Password.required(validation.Required.Error(messageBlank)),
	}
}

// logIn answers with a token: POST /users/login. Whether the address or the
// password is wrong stays open.
func logIn(e *core.RequestEvent) error {
	input, err := decode[credentials](e, "user")
	if err != nil {
		return err
	}
	record, err := e.App.FindAuthRecordByEmail(collections.Users, input.Email.value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("find a user by email: %w", err)
	}
	if err != nil || !record.ValidatePassword(input.Password.value) {
		return refuse(http.StatusUnauthorized, "credentials", "invalid")
	}
	return answerUser(e, http.StatusOK, collections.UserOf(record))
}

// getUser answers with the caller's account: GET /user.
func getUser(e *core.RequestEvent) error {
	return answerUser(e, http.StatusOK, collections.UserOf(e.Auth))
}

// userChanges are the body of [updateUser]. What is absent stays.
type userChanges struct {
	Username field[string] `json:"username"`
	Email    field[string] `json:"email"`
	Password field[string] `json:"password"`
	Bio      field[string] `json:"bio"`
	Image    field[string] `json:"image"`
}

func (c userChanges) validate() validation.Errors {
	if !c.Username.set && !c.Email.set && !c.Password.set && !c.Bio.set && !c.Image.set {
		return validation.Errors{"user": validation.NewError("", "must have at least one field")}
	}
	return validation.Errors{
		"username": c.Username.optional(usernameRules...),
		"email":    c.Email.optional(emailRules...),
		"password": c.Password.optional(passwordRules...),
		"bio":      c.Bio.nullable(maxLength(collections.MaxBio)),
		"image":    c.Image.nullable(maxLength(collections.MaxImage)),
	}
}

// apply writes the changes to user. token is that of the session that makes them.
func (c userChanges) apply(user *collections.User, token string) {
	if c.Username.set {
		user.SetUsername(c.Username.value)
	}
	if c.Bio.set {
		user.SetBio(c.Bio.value) // "" when it is null
	}
	if c.Image.set {
		user.SetImage(c.Image.value)
	}
	newEmail := c.Email.set && c.Email.value != user.Email()
	if newEmail {
		user.SetEmail(c.Email.value)
	}
	if c.Password.set {
		user.SetPassword(c.Password.value)
	}
	if newEmail || c.Password.set {
		keepToken(user, token)
	}
}

// updateUser changes the caller's account: PUT /user. It works on the record as
// it is inside the transaction, since saving one writes all of its fields: the
// one that came with the request may be older than a changed password.
func updateUser(e *core.RequestEvent) error {
	changes, err := decode[userChanges](e, "user")
	if err != nil {
		return err
	}
	var user *collections.User
	err = e.App.RunInTransaction(func(tx core.App) error {
		if user, err = collections.FindUserById(tx, viewer(e)); err != nil {
			return err
		}
		changes.apply(user, tokenOf(e))
		return tx.Save(user)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return unauthorized(messageInvalid) // deleted since the token was looked at
	}
	if isTaken(err) {
		// unlike for a new account, the contract has no conflict here
		return &refusal{http.StatusUnprocessableEntity, refusalOf(err).errors}
	}
	if err != nil {
		return fmt.Errorf("update user %s: %w", viewer(e), err)
	}
	return answerUser(e, http.StatusOK, user)
}
