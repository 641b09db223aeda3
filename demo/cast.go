package demo

import "github.com/holdall-go/holdall/collections"

// company is what is written by hand about an organization; the rest of its
// data is drawn from the seed.
type company struct {
	name, slug, timezone string
	// settings is the organization's JSON; priorities it does not name have the
	// app's defaults
	settings string
	slaHours map[string]int
	locale   string
	phone    string // format of its people's numbers, from ranges kept free for fiction
	// the middle of its sites
	lat, lon float64
	town     string
	staff    []employee
	sites    []place
	streets  []string
	jobs     []job
	// orders is the number of its work orders, drafts how many of them nobody
	// has planned yet
	orders, drafts int
	photos         int
	signatures     int
}

// employee is a member of a company. The same email in two companies is one
// person with two memberships.
type employee struct{ name, email, role string }

type place struct{ name, contact string }

// companies are the two tenants.
func companies() []company {
	return []company{tinderbrook(), lumenfold()}
}

func tinderbrook() company {
	return company{
		name: "Tinderbrook Heating & Water", slug: "tinderbrook", timezone: "Europe/London", locale: "en-GB",
		settings: `{"slaHours":{"low":120,"normal":48,"high":8,"urgent":2}}`,
		slaHours: map[string]int{"low": 120, "normal": 48, "high": 8, "urgent": 2},
		phone:    "+44 1632 960%03d", lat: 54.617, lon: -1.842, town: "Alderwick",
		orders: 380, drafts: 18, photos: 60, signatures: 18,
		staff: []employee{
			{"Ottoline Brackwater", "ottoline@demo.example", collections.MembershipRoleOwner},
			{"Fenwick Marrowby", "fenwick@demo.example", collections.MembershipRoleDispatcher},
			{"Juniper Ashdowne", "juniper@demo.example", collections.MembershipRoleDispatcher},
			{"Barnaby Coldspring", "barnaby@demo.example", collections.MembershipRoleTechnician},
			{"Clover Wexmoor", "clover@demo.example", collections.MembershipRoleTechnician},
			{"Darius Penhollow", "darius@demo.example", collections.MembershipRoleTechnician},
			{"Elspeth Rookwood", "elspeth@demo.example", collections.MembershipRoleTechnician},
			{"Tobiah Larkspur", "tobiah@demo.example", collections.MembershipRoleTechnician},
			{"Winifred Saltmarsh", "winifred@demo.example", collections.MembershipRoleViewer},
		},
		sites: []place{
			{"Heron Court Apartments", "Mr Bellwether, caretaker"},
			{"Alderwick Library", "Front desk"},
			{"Copperpot Bakery", "Mrs Dunnock"},
			{"Millrace Primary School", "School office"},
			{"Larch House Care Home", "Duty manager"},
			{"The Gilded Otter Inn", "Kitchen, after ten"},
			{"Foxglove Veterinary Practice", "Reception"},
			{"Quarry Lane Leisure Pool", "Plant room, gate 2"},
			{"Wickstead Terrace 4", "Ms Pellingham"},
			{"Wickstead Terrace 11", "Mr and Mrs Oakhurst"},
			{"Saint Aldwin's Parish Hall", "Verger, by phone"},
			{"Thornbury Mews", "Key safe by the bins"},
			{"Brindle & Daughters Joinery", "Workshop office"},
			{"Old Ropeworks Studios", "Building manager"},
			{"Cinderford Laundry", "Shift leader"},
			{"Elmstead Dental Rooms", "Reception"},
			{"Nettlebed Farm", "Mr Haythorn, ring twice"},
			{"Riverside Almshouses", "Warden"},
			{"Hollin Street 27", "Ms Carraway"},
			{"Hollin Street 40", "Mr Tansley"},
			{"Pinnacle View Offices", "Facilities desk"},
			{"Sorrel Park Nursery", "Head of nursery"},
			{"Tollgate Garage", "Mr Winterbourne"},
			{"Lockkeeper's Cottage", "Mrs Fairweather"},
		},
		streets: []string{"Heron Lane", "Millrace Road", "Quarry Lane", "Wickstead Terrace", "Hollin Street", "Tollgate Way", "Ropewalk", "Sorrel Rise"},
		jobs:    heatingJobs(),
	}
}

func lumenfold() company {
	return company{
		name: "Lumenfold Roofs & Power", slug: "lumenfold", timezone: "America/Halifax", locale: "en-CA",
		settings: `{"slaHours":{"high":12,"urgent":4}}`,
		slaHours: map[string]int{"low": 120, "normal": 48, "high": 12, "urgent": 4},
		phone:    "+1 902 555 0%03d", lat: 44.701, lon: -63.642, town: "Gannet Bay",
		orders: 220, drafts: 12, photos: 30, signatures: 8,
		staff: []employee{
			{"Casimir Vanterpole", "casimir@demo.example", collections.MembershipRoleOwner},
			{"Petra Moonvale", "petra@demo.example", collections.MembershipRoleDispatcher},
			{"Ignatius Fernsby", "ignatius@demo.example", collections.MembershipRoleTechnician},
			{"Rosalind Quickthorn", "rosalind@demo.example", collections.MembershipRoleTechnician},
			{"Juniper Ashdowne", "juniper@demo.example", collections.MembershipRoleTechnician},
			{"Thaddeus Umberline", "thaddeus@demo.example", collections.MembershipRoleViewer},
		},
		sites: []place{
			{"Gannet Bay Fish Market", "Market office"},
			{"Lighthouse Row 3", "Mx Kestrelton"},
			{"Lighthouse Row 9", "Mr Dunmere"},
			{"Spruce Hollow School", "Custodian"},
			{"Tidewater Brewery", "Brewhouse, ask for Odo"},
			{"Marram Dunes Motel", "Front desk"},
			{"Bluenose Print Works", "Night shift leader"},
			{"Cormorant Pier Terminal", "Harbour master"},
			{"Fogbell Books", "Ms Arkwright"},
			{"Juniper Ridge Clinic", "Facilities"},
			{"Osprey Heights 12", "Mrs Vale"},
			{"Osprey Heights 16", "Mr Sandoval-Reed"},
			{"Saltbox Community Hall", "Key at the store"},
			{"Wharfside Cold Storage", "Control room"},
			{"Whitecap Ice Rink", "Rink manager"},
			{"Windrow Barns", "Ms Applegarth"},
		},
		streets: []string{"Lighthouse Row", "Spruce Hollow Road", "Pier Street", "Osprey Heights", "Marram Drive", "Windrow Lane"},
		jobs:    powerJobs(),
	}
}
