package main

import (
	"github.com/pocketbase/pocketbase/core"
)

// bindRoutes adds the operations of openapi.yml, each with who may call it.
func bindRoutes(e *core.ServeEvent) error {
	api := e.Router.Group("/api")
	api.Bind(answerErrors())

	api.POST("/users", createUser)
	api.POST("/users/login", logIn)
	api.GET("/user", getUser).BindFunc(signedIn)
	api.PUT("/user", updateUser).BindFunc(signedIn)

	api.GET("/profiles/{username}", getProfile).BindFunc(anybody)
	api.POST("/profiles/{username}/follow", follow).BindFunc(signedIn)
	api.DELETE("/profiles/{username}/follow", unfollow).BindFunc(signedIn)

	api.GET("/articles", getArticles).BindFunc(anybody)
	api.GET("/articles/feed", getFeed).BindFunc(signedIn)
	api.POST("/articles", createArticle).BindFunc(signedIn)
	api.GET("/articles/{slug}", getArticle).BindFunc(everybody)
	api.PUT("/articles/{slug}", updateArticle).BindFunc(signedIn)
	api.DELETE("/articles/{slug}", deleteArticle).BindFunc(signedIn)

	api.POST("/articles/{slug}/favorite", favorite).BindFunc(signedIn)
	api.DELETE("/articles/{slug}/favorite", unfavorite).BindFunc(signedIn)

	api.GET("/articles/{slug}/comments", getComments).BindFunc(anybody)
	api.POST("/articles/{slug}/comments", createComment).BindFunc(signedIn)
	api.DELETE("/articles/{slug}/comments/{id}", deleteComment).BindFunc(signedIn)

	api.GET("/tags", getTags)
	return e.Next()
}
