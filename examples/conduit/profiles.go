package main

import (
	"fmt"
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/examples/conduit/collections"
)

// profile is a user as others see them.
type profile struct {
	Username  string  `json:"username"`
	Bio       *string `json:"bio"`
	Image     *string `json:"image"`
	Following bool    `json:"following"` // by the caller
}

func answerProfile(e *core.RequestEvent, user *collections.User, following bool) error {
	return e.JSON(http.StatusOK, map[string]profile{"profile": {
		Username:  user.Username(),
		Bio:       orNull(user.Bio()),
		Image:     orNull(user.Image()),
		Following: following,
	}})
}

// getProfile answers with a user's profile: GET /profiles/{username}.
func getProfile(e *core.RequestEvent) error {
	user, err := userByName(e.App, e.Request.PathValue("username"))
	if err != nil {
		return err
	}
	following, err := exists(e.App, collections.Follows, followOf(e, user))
	if err != nil {
		return fmt.Errorf("look up a follow: %w", err)
	}
	return answerProfile(e, user, following)
}

// follow puts a user's articles into the caller's feed:
// POST /profiles/{username}/follow. Once more changes nothing.
func follow(e *core.RequestEvent) error {
	user, err := userByName(e.App, e.Request.PathValue("username"))
	if err != nil {
		return err
	}
	follow, err := collections.NewFollow(e.App)
	if err != nil {
		return err
	}
	follow.SetFollower(viewer(e))
	follow.SetFollowed(user.Id)
	if err := e.App.Save(follow); err != nil && !isTaken(err) {
		return fmt.Errorf("follow: %w", err)
	}
	return answerProfile(e, user, true)
}

// unfollow undoes [follow]: DELETE /profiles/{username}/follow.
func unfollow(e *core.RequestEvent) error {
	user, err := userByName(e.App, e.Request.PathValue("username"))
	if err != nil {
		return err
	}
	if err := removeOne(e.App, collections.Follows, followOf(e, user)); err != nil {
		return fmt.Errorf("unfollow: %w", err)
	}
	return answerProfile(e, user, false)
}

// followOf finds the record that says that the caller follows the user.
func followOf(e *core.RequestEvent, user *collections.User) dbx.HashExp {
	return dbx.HashExp{
		collections.FollowFieldFollower: viewer(e),
		collections.FollowFieldFollowed: user.Id,
	}
}
