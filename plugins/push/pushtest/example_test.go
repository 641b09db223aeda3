package pushtest_test

import (
	"context"
	"fmt"
	"log"

	"github.com/holdall-go/holdall/plugins/push/apns"
	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/pushtest"
)

// A service that is busy once.
func Example() {
	s, err := pushtest.Start(pushtest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	client, err := apns.New(s.APNs())
	if err != nil {
		log.Fatal(err)
	}
	device := s.Device(pushtest.APNs)
	s.Answer(device.Token, pushtest.Answer{Fault: pushtest.Busy, RetryAfter: "3"})
	for range 2 {
		_, err := client.Send(context.Background(), device, &provider.Notification{Title: "Pump 4"})
		fmt.Println(err)
	}
	fmt.Println(s.Received(device.Token)[0].Title())
	fmt.Printf("%+v\n", s.Count(pushtest.APNs))
	// Output:
	// 429 TooManyRequests: APNs wants fewer notifications for the device
	// <nil>
	// Pump 4
	// {Requests:2 Accepted:1}
}
