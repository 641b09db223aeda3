/** How long nothing may move until an upload counts as interrupted. */
const PATIENCE = 45_000;

/**
 * A fetch that reports how much of the body has been sent, which the browser's
 * own cannot. For the SDK's `fetch` option.
 */
export function uploadFetch(progress: (part: number) => void): (url: RequestInfo | URL, init?: RequestInit) => Promise<Response> {
  return (url, init = {}) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open(init.method ?? "GET", String(url));
      new Headers(init.headers).forEach((value, name) => request.setRequestHeader(name, value));
      let halted: ReturnType<typeof setTimeout>;
      const moved = () => {
        clearTimeout(halted);
        halted = setTimeout(() => request.abort(), PATIENCE);
      };
      request.upload.onprogress = (event) => {
        moved();
        if (event.lengthComputable) progress(event.loaded / event.total);
      };
      request.onload = () => {
        const headers = { "Content-Type": request.getResponseHeader("Content-Type") ?? "" };
        const empty = request.status === 204 || request.responseText === "";
        resolve(new Response(empty ? null : request.responseText, { status: request.status, headers }));
      };
      request.onerror = () => reject(new TypeError("The upload was interrupted."));
      request.onabort = request.onerror;
      request.onloadend = () => clearTimeout(halted);
      moved();
      request.send((init.body ?? null) as XMLHttpRequestBodyInit | null);
    });
}
