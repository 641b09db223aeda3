import { fitWithin } from "../domain/image.ts";

/** The longer side, in pixels, that a photo keeps: enough to read a type plate, small enough for a weak signal. */
const LONGEST = 1600;
const QUALITY = 0.82;

/** Makes a JPEG of a picture, upright and no larger than needed. A picture that cannot be read is refused. */
export async function shrink(file: Blob): Promise<Blob> {
  let picture: ImageBitmap;
  try {
    picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Error("This file is not a picture that can be read here.");
  }
  const { width, height } = fitWithin(picture.width, picture.height, LONGEST);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d")?.drawImage(picture, 0, 0, width, height);
  picture.close();
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("This picture is too large for this device."))),
      "image/jpeg",
      QUALITY,
    );
  });
}
