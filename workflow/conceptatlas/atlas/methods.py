"""What the method pages say: the question, the definition, where it comes from, which options a study sets."""

from __future__ import annotations

from typing import Any

METHODS: tuple[dict[str, Any], ...] = (
    {
        "id": "dissection",
        "title": "Network dissection",
        "question": "Which concept does a unit encode?",
        "definition": [
            "A unit is active where its map, upsampled to the masks' size, exceeds its threshold T. T is the value "
            "that a share tau of all its values over the data set exceeds.",
            "The label of a unit is the concept whose masks it covers best: intersection over union of active pixels "
            "and labelled pixels, summed over the images of the concept's category. A unit is a detector where this "
            "IoU exceeds the cut.",
            "Intervals resample 32 blocks of images. The null permutes labels across images and asks for the best IoU"
            " of the same unit; p counts permutations at least as good, q corrects over the units of a layer.",
        ],
        "formula": "IoU(k, c) = Σ |M_k ∩ L_c| / Σ |M_k ∪ L_c|,  M_k = [A_k > T_k],  P(a > T_k) = tau",
        "source": "Bau, Zhou, Khosla, Oliva, Torralba: Network Dissection. CVPR 2017, section 2, equation 1.",
        "options": ["thresholds", "geometry", "dissection"],
        "tables": ["units", "labels", "summary"],
    },
    {
        "id": "robustness",
        "title": "Robustness of labels",
        "question": "Does a unit keep its label when the images are perturbed?",
        "definition": [
            "Every image is perturbed at several levels, its labels move with it, the thresholds stay. A detector is "
            "kept where it is still a detector of its label, relabelled where of another, lost otherwise.",
            "Agreement is the IoU of the mask on the perturbed image with the moved mask on the clean one.",
        ],
        "formula": "",
        "source": "After Bau et al. 2017, section 3.",
        "options": ["robustness"],
        "tables": ["robustness", "robustness_summary"],
    },
    {
        "id": "rotation",
        "title": "Rotated bases",
        "question": "Do axes matter, or would any direction do?",
        "definition": [
            "The units are turned by a fraction alpha of a random rotation and dissected again. Fewer unique "
            "detectors after turning mean that the network prefers its axes.",
        ],
        "formula": "A' = Q^alpha A,  Q uniform over rotations",
        "source": "Bau et al. 2017, section 3.2.",
        "options": ["axes"],
        "tables": ["rotation_summary"],
    },
    {
        "id": "principal",
        "title": "Principal directions",
        "question": "Does a concept vary along one unit or along many?",
        "definition": [
            "The first principal direction of the activations inside a concept's masks; the squared loading of a unit"
            " is its share. One unit: a loading above the cut; few units: a small participation number.",
        ],
        "formula": "",
        "source": "Verdicts against permuted cells; see docs/principal.md of the project.",
        "options": ["principal"],
        "tables": ["principal"],
    },
    {
        "id": "open_vocabulary",
        "title": "Labels in words",
        "question": "Which words of a vocabulary describe a unit?",
        "definition": [
            "An image-text model says how well each word fits each image; the label is the word whose profile over "
            "images follows the unit's activations best. It is chosen on one part of the images and scored on another, "
            "against permuted images.",
        ],
        "formula": "",
        "source": "Oikarinen, Weng: CLIP-Dissect. ICLR 2023.",
        "options": ["open_vocabulary"],
        "tables": ["wording", "wordings", "wording_summary"],
    },
    {
        "id": "falcon",
        "title": "FALCON",
        "question": "Which words explain a feature, or a group of features together?",
        "definition": [
            "Captions near the crops that activate a feature highly give words; words that images with a low "
            "activation give too are dropped. Features that cannot be explained alone may be so in groups.",
        ],
        "formula": "",
        "source": "Kalibhat, Bhardwaj, Bruss, Firooz, Sanjabi, Feizi: FALCON. ICML 2023.",
        "options": ["falcon"],
        "tables": ["explained", "spoken", "falcon_summary"],
    },
    {
        "id": "net2vec",
        "title": "Net2Vec",
        "question": "How many units does a concept need?",
        "definition": [
            "For every concept a weighted sum of all units is learned that segments (or classifies) it, and compared "
            "with the best single unit on images that neither has seen.",
            "The learned weights are the concept's vector; cosines between vectors say which concepts are near.",
        ],
        "formula": "M(x; w) = σ(Σ_k w_k [A_k(x) > T_k])",
        "source": "Fong, Vedaldi: Net2Vec. CVPR 2018, sections 3 and 4, equations 2 to 5.",
        "options": ["net2vec"],
        "tables": ["segmentation", "classification", "filters", "neighbours"],
    },
    {
        "id": "similarity",
        "title": "Similarity of layers and models",
        "question": "Which concepts do two layers share?",
        "definition": [
            "Concepts are found in each layer without labels; UCS is the mean IoU of two concepts' masks over test "
            "images. For a pair of layers it is averaged over matched concepts, less what the matching finds between "
            "shuffled images.",
            "SFSS correlates, over images, how near two layers see given concepts. CKA, RSA, Procrustes and linear "
            "regression are the measures both must be judged against.",
            "Floor: the same architecture with random weights. Ceiling: the same network trained from another seed.",
            "Concepts that a layer has on two data sets are matched by the cosine of their components; by chance units "
            "of like strength trade places. Ceiling there: stability of concepts under other images of one data set.",
        ],
        "formula": "UCS_ij = mean over images of IoU(M_i, M_j)",
        "source": "Mikriukov, Schwalbe, Hellert, Bade: Revealing Similar Semantics Inside CNNs. AIMLAI 2023.",
        "options": ["similarity"],
        "tables": ["similarity", "discovered", "similarity_summary", "profiles", "across", "across_concepts"],
    },
    {
        "id": "linking",
        "title": "Linking in Style",
        "question": "What do pictures look like when one unit changes?",
        "definition": [
            "A linear map takes the classifier's penultimate representation r to the style of a generator, fitted to "
            "pictures that the generator made and judged on held-out ones, against shuffled pairs.",
            "A unit is set to the least, middle and largest value of the training pairs; everything else stays. What "
            "changes in the pictures is measured label by label, last picture against first, over starting points. "
            "Sparsity is Hoyer's measure of the mean changes; noise alone is sparse, so it stands beside its mean "
            "under sign flips.",
            "Every picture goes back into the classifier: a unit follows where its own value rises with its own change "
            "at more than half of the starting points, and more than with other units' changes.",
            "Counterfactuals shift r until the head says another class; a search succeeds where the generated picture "
            "becomes that class too.",
        ],
        "formula": "w = r A + b;  sparsity = (sqrt(n) - L1 / L2) / (sqrt(n) - 1)",
        "source": "Wehrheim, Osuna-Vargas, Kaschube: Linking in Style. 2024.",
        "options": ["linking"],
        "tables": ["link", "rates", "effects", "tuned", "cycle", "selective"],
    },
)
