package webpush_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/pushtest"
	"github.com/holdall-go/holdall/plugins/push/webpush"
)

// A browser that gets one notification and then ends its subscription.
func Example() {
	server, err := pushtest.Start(pushtest.Options{}) // stands for the browser's push service
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	private, _, err := webpush.GenerateKeys()
	if err != nil {
		log.Fatal(err)
	}
	client, err := webpush.New(webpush.Config{
		PrivateKey: private,
		Subject:    "mailto:ops@example.com",
		HTTPClient: server.Client(),
	})
	if err != nil {
		log.Fatal(err)
	}
	browser := server.Device(pushtest.WebPush)
	for range 2 {
		_, err = client.Send(context.Background(), browser, &provider.Notification{Title: "Pump 4"})
		var refused *provider.Error
		switch {
		case err == nil:
			fmt.Printf("%s\n", server.Received(browser.Token)[0].Body)
		case errors.As(err, &refused):
			fmt.Println(refused.Kind)
		}
		server.Uninstall(browser.Token)
	}
	// Output:
	// {"title":"Pump 4"}
	// gone
}
