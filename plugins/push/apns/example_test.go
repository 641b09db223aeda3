package apns_test

import (
	"context"
	"fmt"
	"log"

	"github.com/holdall-go/holdall/plugins/push/apns"
	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/pushtest"
)

// A phone that gets one notification. Without the server that stands for APNs, the
// config is KeyID, TeamID, PrivateKey and Topic.
func Example() {
	server, err := pushtest.Start(pushtest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := apns.New(server.APNs())
	if err != nil {
		log.Fatal(err)
	}
	phone := server.Device(pushtest.APNs)
	if _, err := client.Send(context.Background(), phone, &provider.Notification{Title: "Pump 4"}); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", server.Received(phone.Token)[0].Body)
	// Output: {"aps":{"alert":{"title":"Pump 4"}}}
}
