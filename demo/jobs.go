package demo

import "github.com/holdall-go/holdall/demo/picture"

// job is a kind of work that a company does.
type job struct {
	titles      []string
	description string
	// checklist points; one that starts with a question mark may stay open
	checklist []string
	shots     []shot
	found     []string // what the technician writes down
	// usual length of a visit in minutes
	shortest, longest int
}

// shot is a photo that a technician would take.
type shot struct {
	caption string
	scene   picture.Scene
}

func heatingJobs() []job {
	return []job{
		{
			titles:      []string{"Annual boiler service", "Boiler service and safety check", "Gas boiler yearly inspection"},
			description: "Yearly service with flue gas analysis. Leave the benchmark log signed.",
			checklist:   []string{"Isolate gas and power", "Clean burner and heat exchanger", "Measure flue gas", "Check expansion vessel pressure", "Sign the benchmark log", "?Offer a service plan"},
			shots:       []shot{{"Boiler before the service", picture.Boiler}, {"Display after restart", picture.Boiler}, {"Casing back on", picture.Boiler}},
			found:       []string{"Ignition electrode worn, replaced.", "Flue gas within limits: CO 38 ppm.", "Expansion vessel was at 0.4 bar, charged to 1.0.", "Condensate trap blocked with sludge, flushed."},
			shortest:    50, longest: 85,
		},
		{
			titles:      []string{"No hot water", "Hot water runs cold after a minute", "No heating since last night"},
			description: "Reported by phone. Occupants are without hot water, so please call when on the way.",
			checklist:   []string{"Read the fault code", "Check the diverter valve", "Test under load", "?Show the occupant the reset"},
			shots:       []shot{{"Fault code on arrival", picture.Boiler}, {"Pressure after refilling", picture.Gauge}, {"Old diverter valve", picture.Pipes}},
			found:       []string{"Diverter valve stuck. Freed it, ordered a spare.", "System pressure had dropped to 0.3 bar. Refilled; no leak found.", "Fan replaced from van stock.", "Thermistor reads open circuit, replaced."},
			shortest:    40, longest: 75,
		},
		{
			titles:      []string{"Leak under the sink", "Water stain on the ceiling", "Dripping joint in the plant room"},
			description: "Water damage possible. Find the source first, then isolate, then make it good.",
			checklist:   []string{"Locate the leak", "Isolate the section", "Replace the joint", "Pressure test for 20 minutes", "Photograph the damage"},
			shots:       []shot{{"The stain on arrival", picture.WaterStain}, {"Joint that failed", picture.Pipes}, {"New section, dry", picture.Pipes}, {"Valve closed and tagged", picture.Pipes}},
			found:       []string{"Compression joint had never been tightened.", "Pinhole in the copper, cut out 30 cm.", "Source is the flat above; they have been told.", "Dried out, come back in a week to check the plaster."},
			shortest:    45, longest: 100,
		},
		{
			titles:      []string{"Radiators cold upstairs", "Balance the heating circuit", "Radiator valve stuck shut"},
			description: "Uneven heat. Bleed, balance and note the lockshield settings on the plan.",
			checklist:   []string{"Bleed all radiators", "Check the pump setting", "Balance the lockshields", "Note the settings"},
			shots:       []shot{{"Radiator before bleeding", picture.Radiator}, {"New thermostatic head", picture.Radiator}, {"Room thermostat", picture.Thermostat}},
			found:       []string{"Two valves seized, replaced both heads.", "Pump was on the lowest setting.", "Lots of air in the loop, bled twice.", "Sludge in the lower half. Recommends a flush."},
			shortest:    45, longest: 90,
		},
		{
			titles:      []string{"Fit smart thermostat", "Replace room thermostat", "Move thermostat to the hallway"},
			description: "Supply and fit. Set the schedule together with the occupant.",
			checklist:   []string{"Label the old wiring", "Fit the receiver", "Pair and test", "?Set the schedule with the occupant"},
			shots:       []shot{{"Thermostat fitted", picture.Thermostat}, {"Set and running", picture.Thermostat}},
			found:       []string{"Old wiring had no labels, traced it.", "Signal is weak at the far end, moved the receiver.", "Schedule set: 06:30 to 21:30."},
			shortest:    35, longest: 60,
		},
		{
			titles:      []string{"Quarterly plant room inspection", "Check pressure relief valves", "Read the meters"},
			description: "Routine round from the maintenance contract.",
			checklist:   []string{"Record the pressures", "Record the temperatures", "Exercise the isolation valves", "Check for weeping joints", "?Sweep the floor"},
			shots:       []shot{{"Pressure at the main", picture.Gauge}, {"Header valves", picture.Pipes}, {"Reading of today", picture.Gauge}},
			found:       []string{"All readings in range.", "Gauge 3 sticks; put on the parts list.", "Valve on the return is stiff, greased.", "Slight weep at the third flange, watch it next time."},
			shortest:    40, longest: 70,
		},
		{
			titles:      []string{"Legionella temperature check", "Flush the dead legs", "Monthly water hygiene round"},
			description: "Take the sentinel temperatures and flush what is little used. The log stays on site.",
			checklist:   []string{"Hot taps above 50 °C within a minute", "Cold taps below 20 °C after two minutes", "Flush little-used outlets", "Fill in the log"},
			shots:       []shot{{"Flow temperature", picture.Gauge}, {"Return temperature", picture.Gauge}},
			found:       []string{"All outlets passed.", "Tap in the cleaner's room at 46 °C. Mixer adjusted, now 52 °C.", "Log was full, left a new one."},
			shortest:    40, longest: 65,
		},
	}
}

func powerJobs() []job {
	return []job{
		{
			titles:      []string{"Solar array yearly inspection", "Clean and test solar panels", "Inverter shows low yield"},
			description: "Visual check, string voltages and insulation. Send the yield figures to the owner.",
			checklist:   []string{"Lock out the inverter", "Inspect the clamps and rails", "Measure the string voltages", "Insulation test", "?Clean the panels"},
			shots:       []shot{{"Array from the ladder", picture.Roof}, {"Panel with the hot spot", picture.Roof}, {"After cleaning", picture.Roof}},
			found:       []string{"String 2 is 40 V low, one connector had burnt.", "Gull nest under the lower row, removed with care.", "All strings balanced.", "Clamp at the ridge loose, torqued to 16 Nm."},
			shortest:    60, longest: 105,
		},
		{
			titles:      []string{"Missing shingles after the storm", "Roof leak above the stairs", "Flashing lifted at the chimney"},
			description: "Make it watertight today, quote the proper repair.",
			checklist:   []string{"Set up fall protection", "Cover the opening", "Photograph the damage", "?Measure for the quote"},
			shots:       []shot{{"Stain below the leak", picture.WaterStain}, {"Roof from the lane", picture.Roof}, {"Covered for now", picture.Roof}},
			found:       []string{"Twelve shingles gone, covered with a tarp.", "Flashing refitted and sealed.", "Underlay torn, patched. Quote to follow.", "Leak comes from the vent, not from the shingles."},
			shortest:    55, longest: 105,
		},
		{
			titles:      []string{"Breaker trips at night", "Half the sockets are dead", "Panel buzzes under load"},
			description: "Find the circuit, make it safe, then repair. Call if the panel has to stay off.",
			checklist:   []string{"Prove dead", "Identify the circuit", "Tighten the terminals", "Test the ground fault protection", "Update the panel schedule"},
			shots:       []shot{{"Panel on arrival", picture.FusePanel}, {"The breaker that trips", picture.FusePanel}, {"Schedule updated", picture.FusePanel}},
			found:       []string{"Breaker 7 worn, replaced.", "Loose neutral, tightened. Buzz is gone.", "Damp socket outside, isolated until it dries.", "Overload: two heaters on one circuit. Told the tenant."},
			shortest:    40, longest: 80,
		},
		{
			titles:      []string{"Install a heat pump circuit", "Add a circuit for the workshop", "Upgrade the panel to 200 A"},
			description: "Agreed in the quote. Power off for at most two hours, announced by the office.",
			checklist:   []string{"Announce the outage", "Fit the breaker", "Pull the cable", "Test and label", "Hand over the certificate"},
			shots:       []shot{{"Panel with the new breaker", picture.FusePanel}, {"Before the upgrade", picture.FusePanel}},
			found:       []string{"Done in one hour ten.", "Conduit was full, ran a second one.", "Certificate left with the owner."},
			shortest:    70, longest: 115,
		},
		{
			titles:      []string{"Emergency lighting test", "Quarterly safety lighting round", "Exit signs dark"},
			description: "Three hour discharge at the yearly test, function test otherwise.",
			checklist:   []string{"Function test of every fitting", "Replace failed batteries", "Fill in the log"},
			shots:       []shot{{"Lighting panel", picture.FusePanel}, {"Test switch", picture.FusePanel}},
			found:       []string{"Two batteries replaced.", "All fittings passed.", "Sign at the loading dock is cracked, ordered."},
			shortest:    40, longest: 75,
		},
		{
			titles:      []string{"Baseboard heater does not warm", "Thermostat swap in the guest rooms", "Check the storage heaters"},
			description: "Rooms are rented, so keep to the time and leave them clean.",
			checklist:   []string{"Isolate the circuit", "Measure the element", "Replace the thermostat", "Warm up and check"},
			shots:       []shot{{"New thermostat", picture.Thermostat}, {"Heater refitted", picture.Radiator}},
			found:       []string{"Element open circuit, replaced.", "Thermostat was set to frost protection.", "Three of eight thermostats swapped, rest next week."},
			shortest:    35, longest: 70,
		},
	}
}

// What the office writes on an order before the visit, and when one is called off.
var (
	intake = []string{
		"Customer asks for a call half an hour before.",
		"Parking only behind the building.",
		"Dog in the yard, ring first.",
		"Side entrance, the front door is being painted.",
		"Please take shoe covers.",
		"Second visit; see the previous order for the parts list.",
		"Access until four only.",
		"Invoice goes to the managing agent.",
	}
	calledOff = []string{
		"Cancelled: the customer found the fault themselves.",
		"Cancelled: moved to next month at the customer's wish.",
		"Cancelled: duplicate of an older order.",
		"Cancelled: site closed for renovation.",
	}
	underway = []string{
		"Stuck behind the level crossing, ten minutes late.",
		"Left the previous site, on the way.",
		"Parts picked up, heading over.",
	}
)
