package fcm_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/holdall-go/holdall/plugins/push/fcm"
	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/pushtest"
)

// A phone that gets one notification. Without the server that stands for FCM, the
// config is ServiceAccount, the file that the Firebase console offers.
func Example() {
	server, err := pushtest.Start(pushtest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := fcm.New(server.FCM())
	if err != nil {
		log.Fatal(err)
	}
	phone := server.Device(pushtest.FCM)
	id, err := client.Send(context.Background(), phone, &provider.Notification{
		Title: "Pump 4", Body: "Pressure is low", TTL: time.Hour, High: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(id)
	fmt.Println(server.Received(phone.Token)[0].Text())
	// Output:
	// projects/example-project/messages/0:1
	// Pressure is low
}
