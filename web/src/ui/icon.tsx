/** Stroke drawings on a 24 px grid. */
const PATHS = {
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14Zm5-2 5 5",
  plus: "M12 5v14M5 12h14",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Zm0-14v5l3 2",
  pin: "M12 21s7-6.200 7-11.500A7 7 0 0 0 5 9.500C5 14.800 12 21 12 21Zm0-9a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5Z",
  check: "m5 12.500 4.500 4.500L19 7.500",
  cross: "M6 6l12 12M18 6 6 18",
  phone: "M6 3h3l1.500 5-2 1.500a12 12 0 0 0 6 6l1.500-2 5 1.500v3a2 2 0 0 1-2.200 2A17 17 0 0 1 4 5.200 2 2 0 0 1 6 3Z",
  camera:
    "M4 8h3l2-3h6l2 3h3a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1Zm8 9a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7Z",
  pen: "M4 20l1-4L16 5l3 3L8 19l-4 1Zm10-13 3 3",
  users: "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7 9a7 7 0 0 1 14 0M16 3.500a4 4 0 0 1 0 7M18 14a7 7 0 0 1 4 6",
  user: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-8 9a8 8 0 0 1 16 0",
  settings:
    "M4 7h9m5 0h2M4 17h2m5 0h9M15.500 9.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5ZM8.500 19.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5Z",
  download: "M12 4v11m-5-4.500 5 5 5-5M4 20h16",
  alert: "M12 4 2.500 20h19L12 4Zm0 6v5m0 2.500v.1",
  chevronLeft: "m14.500 6-6 6 6 6",
  chevronRight: "m9.500 6 6 6-6 6",
  arrowRight: "M4 12h15m-6-6 6 6-6 6",
  signOut: "M14 4H5v16h9m-4-8h11m-4-4 4 4-4 4",
  board: "M4 4h4.500v16H4zM9.750 4h4.500v10h-4.500zM15.500 4H20v13h-4.500z",
  calendar: "M4 6h16v14H4zM4 10h16M8 3v4m8-4v4",
  trash: "M4 7h16M9 7V4h6v3m-8.500 0 1 13h9l1-13M10 11v5m4-5v5",
  mail: "M3 6h18v13H3zm0 1 9 6.500L21 7",
  bell: "M12 4a5.500 5.500 0 0 0-5.500 5.500c0 5-2.500 6.500-2.500 6.500h16s-2.500-1.500-2.500-6.500A5.500 5.500 0 0 0 12 4Zm-2 15a2 2 0 0 0 4 0",
  retry: "M4 12a8 8 0 0 1 14-5l2 2m0-5v5h-5M20 12a8 8 0 0 1-14 5l-2-2m0 5v-5h5",
  offline:
    "M3 3l18 18M5 12.500a10 10 0 0 1 4-2.500m6.500.2a10 10 0 0 1 3.500 2.300M2 9a15 15 0 0 1 4.500-3M10.500 5A15 15 0 0 1 22 9M8.500 16a5 5 0 0 1 7 0M12 19.500v.1",
  help: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Zm-2.500-11.500a2.500 2.500 0 1 1 3.500 2.300c-.7.4-1 .8-1 1.700M12 17v.1",
  checklist: "m3 6.500 1.500 1.500L7 5m-4 12.500L4.500 19 7 16m4-9.500h10m-10 11h10",
  note: "M5 4h14v11l-5 5H5zm9 16v-5h5M8.500 9h7m-7 4H13",
  building: "M5 21V4h10v17m0-12h4v12M3 21h18M8.500 8h3m-3 4h3m-3 4h3",
} as const;

export type IconName = keyof typeof PATHS;

/** Decoration beside a text, or, with a label, the text itself. */
export function Icon({ name, label, size = 18 }: { name: IconName; label?: string; size?: number }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      role={label ? "img" : undefined}
      aria-label={label}
      aria-hidden={label ? undefined : true}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
