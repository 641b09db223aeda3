import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { TextField } from "../ui/field.tsx";

const WIDTH = 720;
const HEIGHT = 240;
const INK = "#14213d";

/** The id of the button that saves. */
export const SAVE = "save-signature";

interface Props {
  busy: boolean;
  /** Told whether there is something to save. */
  onInk: (ink: boolean) => void;
  onSave: (picture: Blob) => void;
  onCancel: () => void;
}

/** A place to sign by finger, pen or mouse; or, without any of them, by typing the name. */
export function SignaturePad({ busy, onInk, onSave, onCancel }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [mode, setMode] = useState<"draw" | "type">("draw");
  const [name, setName] = useState("");
  const [drawn, setDrawn] = useState(false);

  const clear = () => {
    const surface = canvas.current;
    surface?.getContext("2d")?.clearRect(0, 0, surface.width, surface.height);
    setDrawn(false);
  };
  // at once, as a name can be saved as soon as it is there
  useLayoutEffect(() => {
    clear();
    if (mode === "type" && canvas.current) writeName(canvas.current, name);
  }, [mode, name]);

  const ready = mode === "draw" ? drawn : name.trim() !== "";
  useEffect(() => onInk(ready), [ready]);
  return (
    <div class="signature-pad">
      <div class="segments" role="group" aria-label="Way to sign">
        <button type="button" aria-pressed={mode === "draw"} onClick={() => setMode("draw")}>
          Draw
        </button>
        <button type="button" aria-pressed={mode === "type"} onClick={() => setMode("type")}>
          Type
        </button>
      </div>
      {mode === "type" && <TextField label="Full name" autocomplete="off" maxLength={60} value={name} onValue={setName} />}
      <canvas
        ref={canvas}
        width={WIDTH}
        height={HEIGHT}
        role="img"
        aria-label={
          mode === "draw" ? "Area to sign in. Choose Type to sign with the keyboard." : `Signature of ${name || "nobody yet"}`
        }
        data-drawing={mode === "draw" ? "" : undefined}
        onPointerDown={(event) => {
          if (mode !== "draw") return;
          draw(event, event.currentTarget);
          setDrawn(true);
        }}
      />
      <div class="button-row">
        <button
          type="button"
          class="button primary"
          id={SAVE}
          disabled={!ready || busy}
          onClick={() => canvas.current?.toBlob((picture) => picture && onSave(picture), "image/png")}
        >
          {busy ? "Saving…" : "Save signature"}
        </button>
        <button type="button" class="button" onClick={mode === "draw" ? clear : () => setName("")}>
          Clear
        </button>
        <button type="button" class="button quiet" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </div>
  );
}

/** Follows one pointer until it is lifted, with curves through the middles of its steps. */
function draw(start: PointerEvent, canvas: HTMLCanvasElement): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  start.preventDefault();
  canvas.setPointerCapture(start.pointerId);
  context.strokeStyle = context.fillStyle = INK;
  context.lineWidth = 4;
  context.lineCap = context.lineJoin = "round";

  const at = (event: PointerEvent) => {
    const box = canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * WIDTH, y: ((event.clientY - box.top) / box.height) * HEIGHT };
  };
  let last = at(start);
  let middle = last;
  context.beginPath();
  context.arc(last.x, last.y, 2, 0, 2 * Math.PI);
  context.fill();

  const move = (event: PointerEvent) => {
    for (const step of event.getCoalescedEvents?.() ?? [event]) {
      const next = at(step);
      const half = { x: (last.x + next.x) / 2, y: (last.y + next.y) / 2 };
      context.beginPath();
      context.moveTo(middle.x, middle.y);
      context.quadraticCurveTo(last.x, last.y, half.x, half.y);
      context.stroke();
      last = next;
      middle = half;
    }
  };
  const end = () => {
    canvas.removeEventListener("pointermove", move);
    canvas.removeEventListener("pointerup", end);
    canvas.removeEventListener("pointercancel", end);
  };
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
}

function writeName(canvas: HTMLCanvasElement, name: string): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  context.fillStyle = INK;
  context.font = 'italic 72px "Segoe Script", "Snell Roundhand", "Brush Script MT", cursive';
  context.textBaseline = "middle";
  context.textAlign = "center";
  context.fillText(name, WIDTH / 2, HEIGHT / 2, WIDTH - 48);
}
