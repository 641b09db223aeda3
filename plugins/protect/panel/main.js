// A notice above the dashboard while the server takes no changes, or doubts its clock.

const lookEvery = 60_000;
const notice = document.createElement("div");
notice.setAttribute("role", "status");
notice.style.cssText = "position:fixed;inset:auto 0 0 0;z-index:1000;padding:10px 16px;font-size:14px;text-align:center;" +
    "background:#8a1f11;color:#fff;display:none";
document.body.append(notice);

function bytes(n) {
    return n >= 2 ** 30 ? (n / 2 ** 30).toFixed(1) + " GiB" : Math.round(n / 2 ** 20) + " MiB";
}

function sentences(status) {
    const list = [];
    if (status.readOnly) {
        list.push("Changes are refused: " + status.detail + ". " +
            (status.reason === "disk_full" ? "They are accepted again with " + bytes(status.leaveBytes) + " free." : "They are accepted again as soon as the disk can be written to."));
    }
    if (status.clock.doubted) {
        list.push("The clock says " + new Date(status.clock.machine).toUTCString() +
            ", which was not expected. What is old is kept until it is set right, or until " + new Date(status.clock.until).toUTCString() + ".");
    }
    return list.join(" ");
}

async function look() {
    let text = "";
    if (app.pb.authStore.isValid && app.pb.authStore.isSuperuser && !document.hidden) {
        try {
            text = sentences(await app.pb.send("/api/protect", { requestKey: null }));
        } catch {
            return; // the page says by itself that the server does not answer
        }
    } else if (document.hidden) {
        return;
    }
    notice.textContent = text;
    notice.style.display = text ? "block" : "none";
}

look();
setInterval(look, lookEvery);
app.pb.authStore.onChange(look);
document.addEventListener("visibilitychange", look);
