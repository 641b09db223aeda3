// The page "Server" of the dashboard: how the server is doing, from GET /api/observe.

const refreshEvery = 10_000;
const ranges = [[15, "15 minutes"], [60, "1 hour"], [360, "6 hours"]];

const style = document.createElement("link");
style.rel = "stylesheet";
style.href = app.pb.buildURL("/_/extensions/observe/style.css");
document.head.append(style);

app.store.headerLinks.push({ href: "#/server", icon: "ri-pulse-line", label: "Server" });
app.routes.superuserOnly("#/server", page);

const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

const count = (n) => (n >= 1000 ? whole : number).format(n);
const perSecond = (n) => count(n) + "/s";
const percent = (n) => count(n * 100) + " %";

function seconds(s) {
    if (s >= 1 || s === 0) {
        return number.format(s) + " s";
    }
    return s >= 0.001 ? number.format(s * 1e3) + " ms" : number.format(s * 1e6) + " µs";
}

function bytes(n) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let i = 0;
    for (; n >= 1024 && i < units.length - 1; i++) {
        n /= 1024;
    }
    return number.format(n) + " " + units[i];
}

// What is drawn: one or two lines a chart.
const charts = [
    { title: "Requests", unit: perSecond, lines: [["requests", "all"], ["errors", "failed (5xx)"]] },
    { title: "Duration of requests", unit: seconds, lines: [["p50", "half of them"], ["p99", "99 % of them"]] },
    { title: "Processor", unit: percent, lines: [["cpu", "of one core"]] },
    { title: "Memory", unit: bytes, lines: [["memory", "of the process"]] },
    { title: "Statements", unit: perSecond, lines: [["reads", "reading"], ["writes", "writing"]] },
    { title: "Wait for the writer", unit: seconds, lines: [["writerWait", "99 % of transactions"]] },
    { title: "Write-ahead log", unit: bytes, lines: [["wal", "size"]] },
    { title: "At the same time", unit: count, lines: [["inFlight", "requests"], ["connections", "database connections"]] },
];

function page() {
    app.store.title = "Server";
    const data = store({ report: null, error: "", minutes: 60 });
    let timer;
    let asked = 0;

    async function load() {
        const mine = ++asked;
        try {
            const report = await app.pb.send("/api/observe", { query: { minutes: data.minutes }, requestKey: null });
            if (mine === asked) {
                data.report = report;
                data.error = "";
            }
        } catch (err) {
            if (mine === asked) {
                data.error = err?.message || "The server does not answer.";
            }
        }
    }

    return t.div(
        {
            className: "page holdall-observe",
            onmount: () => {
                load();
                timer = setInterval(() => document.hidden || load(), refreshEvery);
            },
            onunmount: () => clearInterval(timer),
        },
        t.div(
            { className: "page-content full-height" },
            t.header(
                { className: "page-header" },
                t.nav({ className: "breadcrumbs" }, t.div({ className: "breadcrumb-item" }, "Server")),
                t.div(
                    { className: "observe-range m-l-auto" },
                    t.label({ htmlFor: "observe-range" }, "Of the last"),
                    t.select(
                        {
                            id: "observe-range",
                            onchange: (e) => {
                                data.minutes = Number(e.target.value);
                                load();
                            },
                        },
                        ...ranges.map(([value, label]) => t.option({ value, selected: value === 60 }, label)),
                    ),
                ),
            ),
            () => data.error ? t.div({ className: "alert danger m-b-base", role: "alert" }, data.error) : null,
            () => data.report ? content(data.report) : data.error ? null : t.span({ className: "loader lg" }),
            t.footer({ className: "page-footer" }, app.components.credits()),
        ),
    );
}

function content(report) {
    return t.div(
        { className: "wrapper lg m-b-base" },
        t.div({ className: "observe-charts" }, ...charts.map((c) => chart(c, report))),
        section("Routes that take most time", routes(report.routes)),
        section("Slow queries", slow(report.slow)),
        section("Parts of the program", figures(report.figures)),
        t.p(
            { className: "txt-hint txt-sm" },
            `Measured since ${new Date(report.started).toLocaleString()}`,
            report.version ? `, version ${report.version}` : "",
            ". Charts begin anew with the program.",
        ),
    );
}

function section(title, body) {
    return t.section({ className: "m-t-base" }, t.h2({ className: "observe-title" }, title), body);
}

function empty(text) {
    return t.p({ className: "txt-hint observe-empty" }, text);
}

function chart(spec, report) {
    const samples = report.samples || [];
    const last = samples[samples.length - 1];
    const top = Math.max(...samples.flatMap((s) => spec.lines.map(([key]) => s[key] || 0)), 0);
    return t.figure(
        { className: "observe-chart" },
        t.figcaption(
            null,
            t.strong(null, spec.title),
            t.span({ className: "txt-hint" }, samples.length ? `up to ${spec.unit(top)}` : ""),
        ),
        ...(samples.length > 1
            ? [drawing(spec, samples, top), times(samples)]
            : [empty("The first figures come within 20 seconds.")]),
        t.ul(
            { className: "observe-legend" },
            ...spec.lines.map(([key, label], i) =>
                t.li(
                    null,
                    t.span({ className: `observe-key line-${i}`, ariaHidden: true }),
                    `${label}${last ? ": " + spec.unit(last[key] || 0) : ""}`,
                )
            ),
        ),
    );
}

const width = 400;
const height = 110;

// drawing makes the lines of a chart. It is a picture: what it says in numbers is in
// its caption and its legend.
function drawing(spec, samples, top) {
    const svg = shape("svg", {
        viewBox: `0 0 ${width} ${height}`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": `${spec.title}, up to ${spec.unit(top)}`,
    });
    const from = Date.parse(samples[0].at);
    const span = Date.parse(samples[samples.length - 1].at) - from || 1;
    for (const part of [0, 0.5, 1]) {
        const y = 1 + part * (height - 2);
        svg.append(shape("line", { class: "grid", x1: 0, x2: width, y1: y, y2: y }));
    }
    spec.lines.forEach(([key], i) => {
        const points = samples.map((s) => {
            const x = (Date.parse(s.at) - from) / span * width;
            const y = height - 1 - (top ? (s[key] || 0) / top : 0) * (height - 2);
            return `${x.toFixed(1)},${y.toFixed(1)}`;
        });
        svg.append(shape("polyline", { class: `line-${i}`, points: points.join(" ") }));
    });
    return svg;
}

// times says from when until when a chart goes.
function times(samples) {
    const clock = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    return t.p(
        { className: "observe-times txt-hint txt-sm" },
        t.span(null, clock(samples[0].at)),
        t.span(null, clock(samples[samples.length - 1].at)),
    );
}

function shape(name, attributes) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) {
        element.setAttribute(key, value);
    }
    return element;
}

function table(label, head, rows) {
    return t.div(
        { className: "observe-table", tabIndex: 0, role: "region", ariaLabel: label },
        t.table(
            { className: "responsive-table" },
            t.thead(null, t.tr(null, ...head.map((h) => t.th({ scope: "col" }, h)))),
            t.tbody(null, ...rows.map((cells) => t.tr(null, ...cells.map((c) => t.td(null, c))))),
        ),
    );
}

function routes(list) {
    if (!list?.length) {
        return empty("Nothing has been asked yet.");
    }
    return table(
        "Routes",
        ["Route", "Collection", "Requests", "Failed", "Mean", "99 % within"],
        list.map((r) => [
            t.code(null, `${r.method} ${r.route}`),
            r.collection || "–",
            count(r.requests),
            count(r.errors),
            seconds(r.mean),
            seconds(r.p99),
        ]),
    );
}

function slow(list) {
    if (!list?.length) {
        return empty("No query has been slow.");
    }
    return t.div(
        { className: "observe-slow" },
        ...list.map((q) =>
            t.details(
                null,
                t.summary(
                    null,
                    t.strong(null, seconds(q.worstSeconds)),
                    t.span({ className: "txt-hint" }, `${count(q.count)} times, last ${new Date(q.last).toLocaleString()}`),
                    t.code(null, q.query.length > 120 ? q.query.slice(0, 120) + "…" : q.query),
                ),
                t.pre(null, q.query),
                q.plan?.length ? t.pre(null, q.plan.join("\n")) : empty("SQLite has not told how it goes about it."),
            )
        ),
    );
}

function figures(list) {
    list = (list || []).filter((f) => !f.name.startsWith("holdall_source_"));
    if (!list.length) {
        return empty("No other part of the program tells figures.");
    }
    return table(
        "Figures",
        ["What", "Of", "Value"],
        list.map((f) => [
            f.help,
            Object.entries(f.labels).map(([k, v]) => `${k} ${v}`).join(", ") || "–",
            count(f.value),
        ]),
    );
}
